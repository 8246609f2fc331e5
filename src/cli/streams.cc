#include "cli/streams.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/error.h"

namespace fm::cli {

void outlive_readers() { std::signal(SIGPIPE, SIG_IGN); }

void flush_stdout() {
  errno = 0;
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (failed && errno != EPIPE && errno != 0) {
    throw Error(Exit::kFailed, std::string("The result could not be written: ") + std::strerror(errno), "", "OSError");
  }
}

}  // namespace fm::cli
