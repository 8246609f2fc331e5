#include "cli/streams.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace fm::cli {

void outlive_readers() { std::signal(SIGPIPE, SIG_IGN); }

void write_result(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written && errno != EPIPE) {
    throw Error(Exit::kFailed, std::string("The result could not be written: ") + std::strerror(errno), "", "OSError");
  }
}

}  // namespace fm::cli
