// The process between us and a server we started.
//
// It exists so that the server outlives nobody and is cut off from nobody:
//   * we are killed, however it happens: the kernel closes our end of a socket, the
//     supervisor sees it and stops the server once nobody is connected any more;
//   * the supervisor is killed: the kernel sends the server SIGTERM. That
//     arrangement (PR_SET_PDEATHSIG) is bound to a thread of the parent; the
//     supervisor has one thread, we have many;
//   * it has a session of its own: Ctrl-C at the terminal reaches only us.
// It is no child of ours (forked twice): it leaves no zombie and does not disturb
// a host program that waits for children.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "server/unique_fd.h"

namespace fm::server {

class Supervisor {
 public:
  // How the server ended.
  struct End {
    std::string how;  // "exit code 100", "signal 6"
    int exit_code = -1;
  };

  // Runs `command` (first word: absolute path) with nothing on its input and its
  // output collected. Throws Error(kFailed) when the system is out of processes
  // or descriptors. What happens from here on is told by wait().
  explicit Supervisor(const std::vector<std::string>& command, std::chrono::milliseconds stop_grace = kStopGrace);
  Supervisor(Supervisor&&) noexcept = default;
  Supervisor& operator=(Supervisor&&) noexcept = default;
  // Like leave().
  ~Supervisor() = default;

  // Takes in what the supervisor has to say, for at most `timeout`; true once
  // the server has ended.
  bool wait(std::chrono::milliseconds timeout) noexcept;

  // The process of the server once it is known.
  std::optional<pid_t> server() const { return server_; }
  const std::optional<End>& end() const { return end_; }
  // What the server has written to its output so far.
  std::string output() const;

  // The port, which the supervisor must know to see who is connected.
  void tell_port(std::uint16_t port) noexcept;

  // Asks for the end: SIGTERM, after the grace SIGKILL. Waits for it.
  void stop() noexcept;
  // Lets go: the supervisor ends the server when its last client has gone.
  void leave() noexcept { link_.reset(); }

  static constexpr std::chrono::milliseconds kStopGrace{10000};

 private:
  std::chrono::milliseconds stop_grace_;
  UniqueFd link_;    // to the supervisor and back
  UniqueFd output_;  // a file in memory, so that a server never waits for a reader
  std::optional<pid_t> server_;
  std::optional<End> end_;
};

}  // namespace fm::server
