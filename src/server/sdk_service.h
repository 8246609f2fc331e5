// The supervisor of the original: the process that runs `mongod` for SDK clients
// and stops it when the last client it knows has ended (spec: runner 6).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace fm::server {

// The supervisor among the ancestors of a server, if it has one.
std::optional<pid_t> sdk_supervisor_of(pid_t server);

// Makes the supervisor that listens on `port` keep its server until this process
// has ended. False: it does not answer as one, or it is about to stop.
// There is no way back: the original's own clients never unregister either.
bool register_with_sdk(std::uint16_t port);

}  // namespace fm::server
