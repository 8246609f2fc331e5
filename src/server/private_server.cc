#include "server/private_server.h"

#include <fmt/format.h>
#include <mongoc/mongoc.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "server/connections.h"
#include "server/loopback.h"
#include "server/process.h"
#include "server/sdk_service.h"
#include "server/start_log.h"
#include "server/supervisor.h"

namespace fm {

namespace fs = std::filesystem;

using server::Listener;
using server::Supervisor;
using server::UniqueFd;
using Clock = std::chrono::steady_clock;

struct PrivateServer::State {
  Mode mode = Mode::kGiven;
  Listener address;
  std::optional<pid_t> pid;
  std::function<void(const std::string&)> notice;
  std::optional<Supervisor> supervisor;
  // An idle connection for as long as we use a server of somebody else. Whoever
  // started it sees by it that the server is in use, also between two clients.
  UniqueFd presence;
};

namespace {

constexpr std::chrono::milliseconds kPoll{10};
constexpr std::chrono::seconds kReadTimeout{5};
constexpr std::chrono::seconds kAnswerPatience{2};
constexpr std::uintmax_t kLongestLog = 1 << 18;

using Options = PrivateServer::Options;

// A notice that cannot be given must not change what happens.
void notify(const std::function<void(const std::string&)>& notice, const std::string& text) noexcept {
  try {
    if (notice) notice(text);
  } catch (...) {
  }
}

std::string uri_of(const Listener& address) { return fmt::format("mongodb://{}:{}/", address.host, address.port); }

std::string log_path(const Options& options) { return (options.database_dir / "log" / "mongo.log").string(); }

[[noreturn]] void not_writable(const std::string& what, const std::string& remedy) {
  throw Error(Exit::kPrecondition, what, remedy, "PermissionError");
}

// The directory and the log file exist and can be written to. The texts are the
// original's.
void prepare(const Options& options) {
  const std::string dir = options.database_dir.string();
  std::error_code failed;
  fs::create_directories(options.database_dir, failed);
  if (failed || !fs::is_directory(options.database_dir, failed) || ::access(dir.c_str(), W_OK | X_OK) != 0) {
    not_writable(fmt::format("Database directory `{}` cannot be written to", dir),
                 "Change its owner or its rights, or set FIFTYONE_DATABASE_DIR to another directory.");
  }
  const std::string log = log_path(options);
  fs::create_directories(fs::path(log).parent_path(), failed);
  if (failed || !std::ofstream(log, std::ios::app)) {
    not_writable(fmt::format("Database log path `{}` cannot be written to", log), "Change its owner or its rights.");
  }
}

// Whether a client gets an answer.
bool answers(const Listener& address, std::chrono::milliseconds timeout) {
  struct Destroy {
    void operator()(mongoc_uri_t* uri) const { mongoc_uri_destroy(uri); }
    void operator()(mongoc_client_t* client) const { mongoc_client_destroy(client); }
  };
  const std::string text = fmt::format(
      "{}?appName=fiftyone-migrator&directConnection=true&serverSelectionTimeoutMS={}"
      "&connectTimeoutMS={}&socketTimeoutMS={}",
      uri_of(address), timeout.count(), timeout.count(), timeout.count());
  const std::unique_ptr<mongoc_uri_t, Destroy> uri(mongoc_uri_new(text.c_str()));
  const std::unique_ptr<mongoc_client_t, Destroy> client(uri ? mongoc_client_new_from_uri(uri.get()) : nullptr);
  if (!client) return false;
  bson_t command;
  bson_init(&command);
  BSON_APPEND_INT32(&command, "hello", 1);
  const bool ok = mongoc_client_command_simple(client.get(), "admin", &command, nullptr, nullptr, nullptr);
  bson_destroy(&command);
  return ok;
}

std::optional<Listener> listener_of(pid_t pid) {
  const auto found = server::listeners(pid, server::socket_inodes(pid));
  if (found.empty()) return std::nullopt;
  return found.front();
}

// ---- Attaching.

// The port of the server of our directory. It may be starting or stopping, then
// there is none for a while; nullopt: it has gone.
std::optional<Listener> wait_for_listener(const Options& options, pid_t pid) {
  const auto until = Clock::now() + options.start_timeout;
  while (server::server_of(options.database_dir) == pid) {
    if (auto listener = listener_of(pid)) return listener;
    if (Clock::now() >= until) {
      throw Error(Exit::kPrecondition,
                  fmt::format("The server that works on `{}` (process {}) cannot be reached on this host",
                              options.database_dir.string(), pid),
                  "Stop it, or set FIFTYONE_DATABASE_URI to its address.");
    }
    std::this_thread::sleep_for(kPoll);
  }
  return std::nullopt;
}

// A server that SDK clients run ends with the last client it knows of, whoever
// is connected; so we become one. False: it is about to end.
bool join_sdk_clients(pid_t pid) {
  const auto supervisor = server::sdk_supervisor_of(pid);
  if (!supervisor) return true;
  const auto listener = listener_of(*supervisor);
  return listener && server::register_with_sdk(listener->port);
}

bool wait_until_gone(const Options& options, pid_t pid) {
  const auto until = Clock::now() + options.lock_patience;
  while (server::server_of(options.database_dir) == pid) {
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

struct Attached {
  pid_t pid;
  Listener address;
  UniqueFd presence;
};

// One try: nullopt when the server does not answer.
std::optional<Attached> attach_to(const Options& options, pid_t pid, const Listener& listener) {
  UniqueFd presence = server::connect_loopback(listener, kReadTimeout);
  if (!presence) return std::nullopt;
  if (!join_sdk_clients(pid)) {
    if (wait_until_gone(options, pid)) return std::nullopt;
    notify(options.notice, fmt::format("The private server (process {}) belongs to SDK clients and ends with them: the "
                                       "process that runs it did not take us in.",
                                       pid));
  }
  if (!answers(listener, kReadTimeout)) return std::nullopt;
  return Attached{pid, listener, std::move(presence)};
}

// nullopt: no server works on the directory, or it ended just now. One that is
// about to end stops to listen first, then to answer, and then lets go.
std::optional<Attached> try_attach(const Options& options) {
  const auto pid = server::server_of(options.database_dir);
  if (!pid) return std::nullopt;
  const auto until = Clock::now() + kAnswerPatience;
  while (const auto listener = wait_for_listener(options, *pid)) {
    if (auto attached = attach_to(options, *pid, *listener)) return attached;
    if (Clock::now() >= until && listener_of(*pid)) {
      throw Error(Exit::kPrecondition,
                  fmt::format("The server that works on `{}` (process {}, port {}) does not answer",
                              options.database_dir.string(), *pid, listener->port),
                  "Stop it; or, if it asks for a user or for TLS, set FIFTYONE_DATABASE_URI.");
    }
    std::this_thread::sleep_for(kPoll);
  }
  return std::nullopt;
}

// ---- Starting.

// What is in the log from `offset` on; from its start when it was replaced.
std::string log_since(const std::string& path, std::uintmax_t offset) {
  std::error_code missing;
  const std::uintmax_t size = fs::file_size(path, missing);
  if (missing) return "";
  std::uintmax_t from = size < offset ? 0 : offset;
  if (size - from > kLongestLog) from = size - kLongestLog;
  std::ifstream log(path, std::ios::binary);
  log.seekg(static_cast<std::streamoff>(from));
  return {std::istreambuf_iterator<char>(log), {}};
}

struct Started {
  pid_t pid;
  Listener address;
  Supervisor supervisor;
};

struct StartResult {
  std::optional<Started> started;
  server::StartLog log;  // of a failed start
  std::string how;       // it ended
};

StartResult start_once(const Options& options, const fs::path& binary) {
  const std::string log = log_path(options);
  const std::uintmax_t log_offset = fs::file_size(log);
  Supervisor supervisor({binary.string(), "--dbpath", options.database_dir.string(), "--logpath", log, "--logappend",
                         "--port", "0", "--nounixsocket", "--bind_ip", "127.0.0.1"});
  const auto until = Clock::now() + options.start_timeout;
  std::optional<Listener> listener;
  while (!supervisor.wait(kPoll) && Clock::now() < until) {
    if (!supervisor.server()) continue;
    if (!listener && (listener = listener_of(*supervisor.server()))) supervisor.tell_port(listener->port);
    if (listener && answers(*listener, kReadTimeout)) {
      const pid_t pid = *supervisor.server();
      return {Started{pid, *listener, std::move(supervisor)}, {}, ""};
    }
  }
  const bool ended = supervisor.end().has_value();
  const std::string how =
      ended ? supervisor.end()->how : fmt::format("no answer after {} s", options.start_timeout.count() / 1000);
  supervisor.stop();
  return {std::nullopt, server::read_start_log(supervisor.output() + "\n" + log_since(log, log_offset)), how};
}

[[noreturn]] void refuse_start(const Options& options, const StartResult& result) {
  const std::string dir = options.database_dir.string();
  const std::string reason = result.log.reason.empty() ? result.how : result.log.reason + " (" + result.how + ")";
  std::string remedy;
  if (result.log.directory_in_use) {
    remedy =
        "Another server works on this directory and cannot be seen from here (another host or container, or "
        "another user's). Stop it, or set FIFTYONE_DATABASE_URI to its address.\n";
  } else if (result.log.other_version) {
    remedy =
        "The data files were written by another version of the server. Set FIFTYONE_MIGRATOR_MONGOD to a server "
        "program of that version.\n";
  }
  const bool silent = result.log.lines.empty();
  remedy +=
      fmt::format("{} ({}){}", silent ? "It wrote nothing" : "Its last lines", log_path(options), silent ? "." : ":");
  for (const auto& line : result.log.lines) remedy += "\n  " + line;
  throw Error(Exit::kPrecondition, fmt::format("The private MongoDB server did not start on `{}`: {}", dir, reason),
              remedy);
}

}  // namespace

PrivateServer::PrivateServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
PrivateServer::PrivateServer(PrivateServer&&) noexcept = default;

PrivateServer& PrivateServer::operator=(PrivateServer&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

PrivateServer::~PrivateServer() { stop(); }

PrivateServer PrivateServer::attach_or_start(const Options& options) {
  auto state = std::make_unique<State>();
  state->notice = options.notice;
  if (options.port) {
    state->address = {"localhost", static_cast<std::uint16_t>(*options.port)};
    return PrivateServer(std::move(state));
  }
  const auto patience_ends = Clock::now() + options.lock_patience;
  for (;;) {
    if (auto attached = try_attach(options)) {
      state->mode = Mode::kAttached;
      state->pid = attached->pid;
      state->address = attached->address;
      state->presence = std::move(attached->presence);
      return PrivateServer(std::move(state));
    }
    const fs::path binary = server::find_mongod(options.binary, options.places);
    prepare(options);
    StartResult result = start_once(options, binary);
    if (result.started) {
      state->mode = Mode::kStarted;
      state->pid = result.started->pid;
      state->address = result.started->address;
      state->supervisor.emplace(std::move(result.started->supervisor));
      return PrivateServer(std::move(state));
    }
    // Another program was faster, or its server is still stopping.
    const bool may_pass = result.log.directory_in_use && Clock::now() < patience_ends;
    if (!may_pass) refuse_start(options, result);
    std::this_thread::sleep_for(kPoll);
  }
}

void PrivateServer::stop() noexcept {
  if (!state_) return;
  const auto state = std::move(state_);
  if (!state->supervisor) return;
  if (!server::has_client(state->address.port)) {
    state->supervisor->stop();
    return;
  }
  state->supervisor->leave();
  notify(state->notice, "The private server has other clients and goes on; it stops after the last of them.");
}

std::string PrivateServer::uri() const { return state_ ? uri_of(state_->address) : ""; }
std::uint16_t PrivateServer::port() const { return state_ ? state_->address.port : 0; }
PrivateServer::Mode PrivateServer::mode() const { return state_ ? state_->mode : Mode::kGiven; }
std::optional<pid_t> PrivateServer::pid() const { return state_ ? state_->pid : std::nullopt; }

}  // namespace fm
