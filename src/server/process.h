// What /proc says about processes. A process may end at any moment: then the
// answer is the empty one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace fm::server {

std::vector<std::string> command_line(pid_t pid);
std::optional<pid_t> parent_of(pid_t pid);
std::set<std::uint64_t> socket_inodes(pid_t pid);

// The server that works on this data directory: the process named in its
// mongod.lock, if it is alive and has that very file open. The number alone
// proves nothing: a killed server leaves it behind and another process may have
// it by now. How the directory was spelt on its command line does not matter.
std::optional<pid_t> server_of(const std::filesystem::path& database_dir);

}  // namespace fm::server
