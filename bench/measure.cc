// Runs a command and writes what it cost:
//
//   bench-measure OUT.json COMMAND [ARGUMENT...]
//
// Wall time, processor time and peak memory of the whole process. A child
// starts with the memory peak of the process it was forked from, so a script
// of some size cannot measure a small program; this one is smaller than any.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

namespace {

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bench-measure OUT.json COMMAND [ARGUMENT...]\n");
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  const pid_t pid = fork();
  if (pid < 0) {
    std::fprintf(stderr, "bench-measure: fork: %s\n", std::strerror(errno));
    return 126;
  }
  if (pid == 0) {
    execvp(argv[2], argv + 2);
    std::fprintf(stderr, "bench-measure: %s: %s\n", argv[2], std::strerror(errno));
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  while (wait4(pid, &status, 0, &usage) < 0) {
    if (errno != EINTR) {
      std::fprintf(stderr, "bench-measure: wait4: %s\n", std::strerror(errno));
      return 126;
    }
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

  std::FILE* out = std::fopen(argv[1], "w");
  if (out == nullptr) {
    std::fprintf(stderr, "bench-measure: %s: %s\n", argv[1], std::strerror(errno));
    return 126;
  }
  std::fprintf(out, "{\"seconds\": %.6f, \"user\": %.6f, \"system\": %.6f, \"rss_kb\": %ld, \"status\": %d}\n",
               wall.count(), seconds(usage.ru_utime), seconds(usage.ru_stime), usage.ru_maxrss, code);
  std::fclose(out);
  return code;
}
