#include "server/connections.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string_view>

#include "server/unique_fd.h"

namespace fm::server {

namespace {

constexpr std::string_view kListen = "0A";
constexpr std::string_view kEstablished = "01";
constexpr std::uint16_t kNoPort = 0;

// One line of /proc/net/tcp or tcp6: "sl: local remote state queues timer
// retransmits uid timeout inode ...".
struct Row {
  std::string_view local_address, remote_address;  // hexadecimal, in host order
  std::uint16_t local_port = kNoPort, remote_port = kNoPort;
  std::string_view state;
  std::uint64_t inode = 0;
};

// From here to has_client no allocation and no stdio: it runs between fork and exec.

template <class Number>
Number number(std::string_view digits, unsigned base) noexcept {
  Number value = 0;
  for (const char c : digits) {
    const unsigned digit = c >= 'A' ? static_cast<unsigned>(c - 'A') + 10 : static_cast<unsigned>(c - '0');
    value = static_cast<Number>(value * base + digit);
  }
  return value;
}

std::string_view next_word(std::string_view& line) noexcept {
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  std::size_t end = 0;
  while (end < line.size() && line[end] != ' ') ++end;
  const auto word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

void split_endpoint(std::string_view word, std::string_view& address, std::uint16_t& port) noexcept {
  std::size_t colon = 0;
  while (colon < word.size() && word[colon] != ':') ++colon;
  address = word.substr(0, colon);
  port = colon < word.size() ? number<std::uint16_t>(word.substr(colon + 1), 16) : kNoPort;
}

Row parse_row(std::string_view line) noexcept {
  Row row;
  next_word(line);
  split_endpoint(next_word(line), row.local_address, row.local_port);
  split_endpoint(next_word(line), row.remote_address, row.remote_port);
  row.state = next_word(line);
  for (int skipped = 0; skipped < 5; ++skipped) next_word(line);
  row.inode = number<std::uint64_t>(next_word(line), 10);
  return row;
}

// Calls visit(row) for each line until it returns true. The heading has no
// state that anybody looks for.
template <class Visit>
bool any_row(const char* path, const Visit& visit) noexcept(noexcept(visit(Row{}))) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  std::array<char, 4096> chunk{};
  std::array<char, 256> line{};
  std::size_t length = 0;
  for (;;) {
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got <= 0) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
      if (chunk[i] != '\n') {
        if (length < line.size()) line[length++] = chunk[i];
      } else {
        if (visit(parse_row({line.data(), length}))) return true;
        length = 0;
      }
    }
  }
}

// 127.0.0.0/8, also in its IPv4-mapped form; the bytes of each word are in
// little-endian order.
bool is_ipv4_loopback(std::string_view address) noexcept {
  constexpr std::string_view kMapped = "0000000000000000FFFF0000";
  const bool mapped = address.size() == 32 && address.substr(0, kMapped.size()) == kMapped;
  return (address.size() == 8 || mapped) && address.substr(address.size() - 2) == "7F";
}

bool is_ipv6_loopback(std::string_view address) noexcept { return address == "00000000000000000000000001000000"; }

}  // namespace

bool has_client(std::uint16_t port) noexcept {
  const auto is_client = [port](const Row& row) noexcept {
    return row.remote_port == port && row.state == kEstablished &&
           (is_ipv4_loopback(row.remote_address) || is_ipv6_loopback(row.remote_address));
  };
  return any_row("/proc/self/net/tcp", is_client) || any_row("/proc/self/net/tcp6", is_client);
}

std::vector<Listener> listeners(int pid, const std::set<std::uint64_t>& inodes) {
  std::vector<Listener> found;
  if (inodes.empty()) return found;
  const auto collect = [&](const Row& row) {
    if (row.state != kListen || !inodes.contains(row.inode)) return false;
    const bool any = row.local_address.find_first_not_of('0') == std::string_view::npos;
    if (any || is_ipv4_loopback(row.local_address)) {
      // A socket on every IPv6 address takes IPv4 connections too.
      found.push_back({"127.0.0.1", row.local_port});
    } else if (is_ipv6_loopback(row.local_address)) {
      found.push_back({"[::1]", row.local_port});
    }
    return false;
  };
  const std::string net = "/proc/" + std::to_string(pid) + "/net/";
  any_row((net + "tcp").c_str(), collect);
  any_row((net + "tcp6").c_str(), collect);
  return found;
}

}  // namespace fm::server
