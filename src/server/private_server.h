// The private MongoDB server: the one that is used when no URI is configured.
// It works on one data directory and listens on loopback only (spec: runner 6).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/find_mongod.h"

namespace fm {

class PrivateServer {
 public:
  enum class Mode {
    kGiven,     // the port was configured
    kAttached,  // somebody else started it
    kStarted,   // we did
  };

  struct Options {
    std::filesystem::path database_dir;  // absolute
    // FIFTYONE_PRIVATE_DATABASE_PORT: use this port of this host, start nothing.
    std::optional<int> port;
    std::optional<std::filesystem::path> binary;  // else `places` are searched
    server::SearchPlaces places;
    // A server that repairs its files after a crash may need long; one that fails
    // is noticed at once.
    std::chrono::milliseconds start_timeout = std::chrono::minutes(2);
    // How long the lock of the directory may be held by a server that cannot be
    // reached, before that is an error: longer than a server takes to stop.
    std::chrono::milliseconds lock_patience = std::chrono::seconds(12);
    // For what the user should know; called from the calling thread.
    std::function<void(const std::string&)> notice;
  };

  // The server that works on the directory, else a new one, ready to answer.
  // Never one of another directory (spec: runner 7, item 19). When two programs
  // start one at the same time, one of them attaches to the other's.
  //
  // mongoc_init() must have been called. Throws Error(kPrecondition): no server
  // program, a directory that cannot be written to, a server that does not start
  // (with its own last lines) or does not answer.
  static PrivateServer attach_or_start(const Options& options);

  PrivateServer(PrivateServer&&) noexcept;
  PrivateServer& operator=(PrivateServer&&) noexcept;
  // Like stop().
  ~PrivateServer();

  // Lets go of the server; the clients that were made for it must be closed
  // before. A server that was not started here is left alone. One that was
  // started here is stopped (SIGTERM, after 10 s SIGKILL), unless others are
  // connected: then it goes on, a notice says so, and it stops by itself after
  // the last of them. Twice is once.
  void stop() noexcept;

  std::string uri() const;
  std::uint16_t port() const;
  Mode mode() const;
  // The process; none when the port was configured.
  std::optional<pid_t> pid() const;

 private:
  struct State;
  explicit PrivateServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace fm
