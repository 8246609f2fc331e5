#include "server/sdk_service.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "server/loopback.h"
#include "server/process.h"

namespace fm::server {

namespace {

bool is_sdk_supervisor(pid_t pid) {
  const auto words = command_line(pid);
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    if (words[i] == "--51-service" && words[i + 1] == "db" && words[i + 2] == "--multi") return true;
  }
  return false;
}

}  // namespace

std::optional<pid_t> sdk_supervisor_of(pid_t server) {
  // `sudo` may stand between the two.
  constexpr int kGenerations = 4;
  auto pid = parent_of(server);
  for (int i = 0; i < kGenerations && pid && *pid > 1; ++i) {
    if (is_sdk_supervisor(*pid)) return pid;
    pid = parent_of(*pid);
  }
  return std::nullopt;
}

bool register_with_sdk(std::uint16_t port) {
  const UniqueFd peer = connect_loopback({"127.0.0.1", port}, std::chrono::seconds(2));
  if (!peer) return false;
  // The tuple ("register", pid), pickled in protocol 0.
  const std::string request = fmt::format("(Vregister\nI{}\nt.", ::getpid());
  if (::send(peer.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return false;
  }
  std::string answer;
  std::array<char, 256> chunk{};
  ssize_t got = 0;
  while ((got = ::recv(peer.get(), chunk.data(), chunk.size(), 0)) > 0) {
    answer.append(chunk.data(), static_cast<std::size_t>(got));
  }
  // The pickled True ends so in every binary protocol; a refusal is a pickled
  // exception. Nothing is ever unpickled.
  return answer.ends_with("\x88.");
}

}  // namespace fm::server
