#include "property/private_mongod.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace fm {

namespace {

namespace fs = std::filesystem;

bool runs(const fs::path& path) { return fs::is_regular_file(path) && ::access(path.c_str(), X_OK) == 0; }

fs::path find_program() {
  if (const char* given = std::getenv("FM_MONGOD"); given && *given) {
    if (!runs(given)) throw std::runtime_error(std::string("FM_MONGOD names no program: ") + given);
    return given;
  }
  const char* search = std::getenv("PATH");
  std::string rest = search ? search : "";
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    fs::path candidate = fs::path(rest.substr(0, colon)) / "mongod";
    if (runs(candidate)) return candidate;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  const fs::path venv = fs::path(FM_SOURCE_DIR) / ".venv" / "lib";
  std::error_code none;
  for (const auto& python : fs::directory_iterator(venv, none)) {
    auto candidate = python.path() / "site-packages" / "fiftyone" / "db" / "bin" / "mongod";
    if (runs(candidate)) return candidate;
  }
  throw std::runtime_error("No mongod: set FM_MONGOD, put it on PATH, or run scripts/install-deps (looked in " +
                           venv.string() + "/python*/site-packages/fiftyone/db/bin too)");
}

// Memory is faster than a disk, and the writes wait for the journal.
fs::path new_folder() {
  for (const fs::path& parent : {fs::path("/dev/shm"), fs::temp_directory_path()}) {
    std::string pattern = (parent / "fm-property-XXXXXX").string();
    if (::mkdtemp(pattern.data())) return pattern;
  }
  throw std::runtime_error("no folder for the server's files");
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool ok = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!ok) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

bool accepts(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool ok = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return ok;
}

class Server {
 public:
  Server() : program_(find_program()), folder_(new_folder()) {
    // Another program may take the port meanwhile.
    for (int attempt = 0; attempt < 3 && !mongo_; ++attempt) start();
    if (!mongo_) {
      const auto log = last_lines();
      fs::remove_all(folder_);
      throw std::runtime_error(program_.string() + " does not start:\n" + log);
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    mongo_.reset();
    stop();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Mongo& mongo() { return *mongo_; }

 private:
  void start() {
    const int port = free_port();
    const auto log = (folder_ / "log").string();
    const auto data = (folder_ / "data").string();
    fs::create_directories(data);
    std::vector<std::string> words = {program_.string(),
                                      "--dbpath",
                                      data,
                                      "--port",
                                      std::to_string(port),
                                      "--bind_ip",
                                      "127.0.0.1",
                                      "--nounixsocket",
                                      "--wiredTigerCacheSizeGB",
                                      "0.25",
                                      "--setParameter",
                                      "diagnosticDataCollectionEnabled=false"};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int fd = ::open(log.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
      ::dup2(fd, STDOUT_FILENO);
      ::dup2(fd, STDERR_FILENO);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < until) {
      if (accepts(port)) {
        auto mongo = std::make_unique<Mongo>("mongodb://127.0.0.1:" + std::to_string(port), "properties");
        mongo->ping();
        mongo_ = std::move(mongo);
        return;
      }
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = 0;
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    stop();
  }

  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);  // nothing of it is kept
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  std::string last_lines() const {
    std::ifstream file(folder_ / "log");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return text.substr(text.size() > 2000 ? text.size() - 2000 : 0);
  }

  MongoDriver driver_;
  fs::path program_;
  fs::path folder_;
  pid_t pid_ = 0;
  std::unique_ptr<Mongo> mongo_;
};

}  // namespace

Mongo& test_server() {
  static Server server;
  return server.mongo();
}

}  // namespace fm
