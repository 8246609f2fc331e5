// From settings to an open database.
#pragma once

#include <future>
#include <memory>
#include <optional>

#include "config/settings.h"
#include "server/private_server.h"
#include "store/mongo.h"

namespace fm::cli {

// A database that answers, and the private server if one is needed for it. The
// connection closes before the server is let go.
class Session {
 public:
  // What is parsed while the server answers.
  enum class Ahead { kCatalogue, kNothing };
  // Throws Error(kUnreachable), Error(kRights) or Error(kPrecondition) with the
  // original's texts where it has one (spec runner 3). Reads only.
  explicit Session(const Settings& settings, Ahead ahead = Ahead::kCatalogue);
  // The database of the service cas, whose URI and name are set.
  static Session cas(const Settings& settings);

  Mongo& mongo() { return *mongo_; }
  // Warnings of the validation: versions of the server and its data files.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  Session() = default;
  void validate(const Settings& settings);

  std::future<void> catalogue_;
  std::optional<PrivateServer> server_;
  std::unique_ptr<Mongo> mongo_;
  std::vector<std::string> warnings_;
};

}  // namespace fm::cli
