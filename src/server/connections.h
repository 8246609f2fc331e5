// Who is connected to a port of this host, as the kernel's socket tables say.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace fm::server {

// Whether any process of this host has a connection to `port` over loopback.
// The table is the kernel's, so it also answers when the server does not.
// Async-signal-safe: the supervisor asks between fork and exec.
bool has_client(std::uint16_t port) noexcept;

struct Listener {
  std::string host;  // as in a URI: "127.0.0.1" or "[::1]"
  std::uint16_t port = 0;
  bool operator==(const Listener&) const = default;
};

// The TCP ports among `inodes` that listen where loopback reaches them, in the
// network of process `pid`, IPv4 first. A socket on every address counts as
// one on loopback.
std::vector<Listener> listeners(int pid, const std::set<std::uint64_t>& inodes);

}  // namespace fm::server
