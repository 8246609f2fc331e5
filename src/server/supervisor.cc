#include "server/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/error.h"
#include "server/connections.h"

namespace fm::server {

namespace {

// The two ends of the link exchange these, whole (SOCK_SEQPACKET).
struct Order {
  enum class Kind : std::uint8_t { kPort, kStop };
  Kind kind;
  std::uint16_t port;
};

struct Report {
  enum class Kind : std::uint8_t { kStarted, kNotExecuted, kEnded };
  Kind kind;
  int value;  // process, errno, wait status
};

// Descriptors in the supervisor, above the standard three. The server does not
// inherit it.
constexpr int kLink = 3;

// The socket tables of a busy host are not read for nothing more often than this.
constexpr std::int64_t kDrainPollMs = 500;
constexpr std::int64_t kShortestTickMs = 20;

[[noreturn]] void fail(const char* what) {
  throw Error(Exit::kFailed, fmt::format("The private server cannot be started: {}: {}", what, std::strerror(errno)));
}

// ---- In the forked process. Another thread of ours may have held any lock at
// the fork: from here on only system calls and what is on the stack.

volatile std::sig_atomic_t g_terminate = 0;

void on_terminate(int) { g_terminate = 1; }
void on_child(int) {}

void handle(int signal, void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

// The handlers of the program we are part of are not for this process.
void reset_handlers() noexcept {
  for (int signal = 1; signal < NSIG; ++signal) handle(signal, SIG_DFL);
}

void report(Report::Kind kind, int value) noexcept {
  const Report record{kind, value};
  // We may be gone; then nobody wants to know.
  [[maybe_unused]] const ssize_t sent = ::send(kLink, &record, sizeof record, MSG_NOSIGNAL);
}

[[noreturn]] void execute(char* const* command, pid_t supervisor) noexcept {
  reset_handlers();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  // It may have died before the line above.
  if (::getppid() != supervisor) ::_exit(1);
  ::execv(command[0], command);
  report(Report::Kind::kNotExecuted, errno);
  ::_exit(127);
}

std::int64_t now_ms() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

// One server, watched until it ends.
class Watch {
 public:
  Watch(pid_t server, std::int64_t grace_ms) noexcept : server_(server), grace_ms_(grace_ms) {}

  [[noreturn]] void run(const sigset_t& unblocked) noexcept {
    for (;;) {
      int status = 0;
      if (::waitpid(server_, &status, WNOHANG) == server_) {
        report(Report::Kind::kEnded, status);
        ::_exit(0);
      }
      if (g_terminate != 0 || (draining_ && (port_ == 0 || !has_client(port_)))) terminate();
      if (kill_at_ != 0 && now_ms() >= kill_at_) ::kill(server_, SIGKILL);
      sleep(unblocked);
    }
  }

 private:
  void terminate() noexcept {
    if (kill_at_ != 0) return;
    kill_at_ = now_ms() + grace_ms_;
    ::kill(server_, SIGTERM);
  }

  // Until an order, a signal, or the next look at the clock.
  void sleep(const sigset_t& unblocked) noexcept {
    pollfd link{kLink, POLLIN, 0};
    const std::int64_t ms = kill_at_ != 0 ? std::max(kill_at_ - now_ms(), kShortestTickMs) : kDrainPollMs;
    const timespec tick{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1000000};
    const bool timed = draining_ || kill_at_ != 0;
    const int ready = ::ppoll(&link, draining_ ? 0 : 1, timed ? &tick : nullptr, &unblocked);
    if (ready > 0) take_order();
  }

  void take_order() noexcept {
    Order order{};
    const ssize_t got = ::recv(kLink, &order, sizeof order, 0);
    if (got == 0) {
      draining_ = true;
    } else if (got == static_cast<ssize_t>(sizeof order)) {
      if (order.kind == Order::Kind::kPort) port_ = order.port;
      if (order.kind == Order::Kind::kStop) terminate();
    }
  }

  pid_t server_;
  std::int64_t grace_ms_;
  std::uint16_t port_ = 0;
  bool draining_ = false;
  std::int64_t kill_at_ = 0;  // 0: nobody has asked for the end
};

[[noreturn]] void supervise(char* const* command, int link, int nothing, int output, std::int64_t grace_ms) noexcept {
  ::setsid();
  reset_handlers();
  for (const int signal : {SIGINT, SIGQUIT, SIGHUP}) handle(signal, SIG_IGN);
  handle(SIGTERM, on_terminate);
  handle(SIGCHLD, on_child);
  // All three are above kLink (see above_link), so nothing is overwritten.
  ::dup2(nothing, 0);
  ::dup2(output, 1);
  ::dup2(output, 2);
  ::dup2(link, kLink);
  ::fcntl(kLink, F_SETFD, FD_CLOEXEC);
  // Our sockets above all: while a copy is open the server has a client.
  ::closefrom(kLink + 1);
  ::prctl(PR_SET_NAME, "mongod-keeper");
  [[maybe_unused]] const int changed = ::chdir("/");

  sigset_t blocked;
  sigset_t unblocked;
  sigemptyset(&unblocked);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
  const pid_t self = ::getpid();
  const pid_t server = ::fork();
  if (server == 0) execute(command, self);
  if (server < 0) {
    report(Report::Kind::kNotExecuted, errno);
    ::_exit(1);
  }
  report(Report::Kind::kStarted, server);
  Watch(server, grace_ms).run(unblocked);
}

// ---- In our process again.

// Over a fork: a handler of ours that ran in the new process would write to the
// pipes it shares with us.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// The supervisor moves its descriptors to 0..kLink; none may be there already.
UniqueFd above_link(int fd, const char* what) {
  if (fd < 0) fail(what);
  UniqueFd low(fd);
  if (fd > kLink) return low;
  UniqueFd moved(::fcntl(fd, F_DUPFD_CLOEXEC, kLink + 1));
  if (!moved) fail("fcntl");
  return moved;
}

Supervisor::End describe(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {fmt::format("signal {}", WTERMSIG(wait_status)), -1};
  const int code = WEXITSTATUS(wait_status);
  return {fmt::format("exit code {}", code), code};
}

}  // namespace

Supervisor::Supervisor(const std::vector<std::string>& command, std::chrono::milliseconds stop_grace)
    : stop_grace_(stop_grace) {
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) fail("socketpair");
  link_ = UniqueFd(ends[0]);
  const UniqueFd theirs = above_link(ends[1], "socketpair");
  const UniqueFd nothing = above_link(::open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null");
  output_ = above_link(::memfd_create("mongod-output", MFD_CLOEXEC), "memfd_create");

  pid_t middle = -1;
  {
    const SignalsBlocked blocked;
    middle = ::fork();
    if (middle == 0) {
      const pid_t supervisor = ::fork();
      if (supervisor == 0) {
        supervise(words.data(), theirs.get(), nothing.get(), output_.get(), stop_grace_.count());
      }
      ::_exit(supervisor < 0 ? 1 : 0);
    }
  }
  if (middle < 0) fail("fork");
  int ignored = 0;
  while (::waitpid(middle, &ignored, 0) < 0 && errno == EINTR) {
  }
}

bool Supervisor::wait(std::chrono::milliseconds timeout) noexcept {
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (!end_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd reports{link_.get(), POLLIN, 0};
    const int ready = ::poll(&reports, 1, static_cast<int>(std::max(left.count(), std::chrono::milliseconds::rep{0})));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    Report record{};
    const ssize_t got = ::recv(link_.get(), &record, sizeof record, 0);
    if (got != static_cast<ssize_t>(sizeof record)) {
      end_ = End{"its supervisor was killed", -1};
    } else if (record.kind == Report::Kind::kStarted) {
      server_ = record.value;
    } else if (record.kind == Report::Kind::kNotExecuted) {
      end_ = End{fmt::format("it cannot be executed: {}", std::strerror(record.value)), -1};
    } else {
      end_ = describe(record.value);
    }
  }
  return true;
}

std::string Supervisor::output() const {
  std::string text;
  std::array<char, 4096> chunk{};
  ssize_t got = 0;
  while ((got = ::pread(output_.get(), chunk.data(), chunk.size(), static_cast<off_t>(text.size()))) > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text;
}

void Supervisor::tell_port(std::uint16_t port) noexcept {
  const Order order{Order::Kind::kPort, port};
  [[maybe_unused]] const ssize_t sent = ::send(link_.get(), &order, sizeof order, MSG_NOSIGNAL);
}

void Supervisor::stop() noexcept {
  if (!link_ || end_) return;
  const Order order{Order::Kind::kStop, 0};
  [[maybe_unused]] const ssize_t sent = ::send(link_.get(), &order, sizeof order, MSG_NOSIGNAL);
  wait(stop_grace_ + std::chrono::seconds(5));
  link_.reset();
}

}  // namespace fm::server
