// Connections to this host.
#pragma once

#include <chrono>

#include "server/connections.h"
#include "server/unique_fd.h"

namespace fm::server {

// A TCP connection, or an empty descriptor. `timeout` bounds the connection and
// each later read and write.
UniqueFd connect_loopback(const Listener& listener, std::chrono::milliseconds timeout);

}  // namespace fm::server
