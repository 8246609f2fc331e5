#include "cli/session.h"

#include "base/error.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/log.h"
#include "revisions/catalogue.h"

namespace fm::cli {

namespace {

constexpr const char* kSuppress =
    "You can suppress this exception by setting your `database_validation` config parameter to `False`. See "
    "https://docs.voxel51.com/user_guide/config.html#configuring-a-mongodb-connection for more information";
constexpr const char* kOldestServer = "6.0";

std::uint64_t major_of(const std::string& version) { return std::strtoull(version.c_str(), nullptr, 10); }

PrivateServer private_server(const Settings& settings) {
  PrivateServer::Options options;
  options.database_dir = settings.database_dir;
  options.port = settings.private_database_port;
  if (settings.mongod) options.binary = *settings.mongod;
  const auto env = Environment::process();
  options.places = server::SearchPlaces::from([&](const std::string& name) { return env.get(name); }, env.home());
  options.notice = [log = Log::to_stderr(settings, false)](const std::string& text) { log.info(text); };
  return PrivateServer::attach_or_start(options);
}

}  // namespace

namespace {

// Throws Error(kUsage) for a name that no server takes, and for those it keeps for itself.
void check_database_name(const std::string& name, const char* variable) {
  constexpr std::size_t kLongest = 63;
  for (const char* own : {"admin", "config", "local"}) {
    if (name != own) continue;
    throw Error(Exit::kUsage, "The database '" + name + "' is the server's own",
                std::string("Set ") + variable + " to the name that FiftyOne uses.");
  }
  if (name.size() <= kLongest && name.find_first_of(std::string_view("/\\. \"$\0", 7)) == std::string::npos) return;
  throw Error(Exit::kUsage, "'" + one_line(name, kLongest) + "' cannot be the name of a database",
              std::string("Set ") + variable + ": at most 63 bytes, without blanks and the characters / \\ . \" $");
}

// Errors of the driver speak of one database URI.
std::string of_cas(std::string text) {
  for (const std::string_view uri : {"the database URI", "The database URI"}) {
    constexpr std::string_view kVariable = "CAS_DATABASE_URI";
    for (auto at = text.find(uri); at != std::string::npos; at = text.find(uri, at + kVariable.size())) {
      text.replace(at, uri.size(), kVariable);
    }
  }
  return text;
}

}  // namespace

Session::Session(const Settings& settings, Ahead ahead) {
  check_database_name(settings.database_name, "FIFTYONE_DATABASE_NAME");
  if (ahead == Ahead::kCatalogue) catalogue_ = std::async(std::launch::async, [] { built_in_catalogue(); });
  std::string uri;
  if (settings.database_uri) {
    uri = settings.database_uri->reveal();
  } else {
    if (!settings.private_server_allowed() && !settings.private_database_port) {
      throw Error(Exit::kUsage, "FIFTYONE_DISABLE_SERVICES forbids a private server and no database is configured",
                  "Set FIFTYONE_DATABASE_URI, or unset FIFTYONE_DISABLE_SERVICES.");
    }
    server_.emplace(private_server(settings));
    uri = server_->uri();
  }
  mongo_ = std::make_unique<Mongo>(uri, settings.database_name,
                                   settings.database_uri ? settings.database_compressor.value_or("") : "");
  validate(settings);
}

Session Session::cas(const Settings& settings) {
  check_database_name(*settings.cas_database_name, "CAS_DATABASE_NAME");
  try {
    Session out;
    out.mongo_ = std::make_unique<Mongo>(settings.cas_database_uri->reveal(), *settings.cas_database_name);
    out.validate(settings);
    return out;
  } catch (const Error& error) {
    throw Error(error.code(), "cas: " + of_cas(error.what()), of_cas(error.remedy()), error.type());
  }
}

void Session::validate(const Settings& settings) {
  const auto version = mongo_->server_version();
  if (!settings.database_validation) return;
  const auto parsed = Version::try_parse(version);
  if (!parsed || parsed->base() < Version::parse(kOldestServer)) {
    throw Error(Exit::kPrecondition,
                "Found `mongod` version " + version + ", but only 6.0 and higher are compatible. " + kSuppress, "",
                "RuntimeError");
  }
  if (settings.database_admin == false) return;
  const auto compatibility = mongo_->feature_compatibility();
  const auto fcv = compatibility ? Version::try_parse(*compatibility) : std::nullopt;
  if (!fcv) return;
  const auto server_major = major_of(version);
  const auto fcv_major = major_of(*compatibility);
  if (fcv_major > server_major) {
    warnings_.push_back(
        "Your MongoDB feature compatibility is greater than your server version. This may result in unexpected "
        "consequences. Please manually update your database's feature compatibility version. " +
        std::string(kSuppress));
  } else if (server_major > fcv_major + 1) {
    warnings_.push_back(
        "Your MongoDB server version is more than 1 ahead of your database's feature compatibility version. Please "
        "manually update your database's feature compatibility version. " +
        std::string(kSuppress));
  }
  if (server_major == 6 || fcv_major == 6) {
    warnings_.push_back(
        "You are running the oldest supported major version of MongoDB. Please refer to "
        "https://deprecation.voxel51.com for deprecation notices. " +
        std::string(kSuppress));
  }
}

}  // namespace fm::cli
