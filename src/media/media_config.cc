#include "media/media_config.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/error.h"
#include "bson/json.h"
#include "bson/read.h"

namespace fm::media {

namespace {

using Section = std::map<std::string, std::string>;

std::string whole_file(const std::string& path, const std::string& what) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(Exit::kUsage, what + " '" + path + "' cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

// Of a credentials file; nothing without a file.
Section profile_of(const Environment& environment, const std::string& file, const std::string& profile) {
  if (file.empty()) return {};
  return read_ini(environment.expand_user(file), profile.empty() ? "default" : profile);
}

Section read_cache_config(const Environment& environment) {
  const auto named = environment.filled("FIFTYONE_MEDIA_CACHE_CONFIG_PATH");
  const auto path = environment.expand_user(named.value_or("~/.fiftyone/media_cache_config.json"));
  if (!named && !std::filesystem::exists(path)) return {};
  const auto text = whole_file(path, "The media cache config");
  bson::Document document;
  try {
    document = bson::from_json(text);
  } catch (const Error&) {
    throw Error(Exit::kUsage, "The media cache config '" + path + "' is not a JSON object");
  }
  Section out;
  for (const auto& [key, value] : document) {
    if (const auto* one = value.as<std::string>()) out[key] = *one;
    if (const auto number = value.integer()) out[key] = std::to_string(*number);
  }
  return out;
}

std::string value_of(const Section& section, const char* key) {
  const auto found = section.find(key);
  return found == section.end() ? "" : found->second;
}

std::string with_slash(const std::string& endpoint) { return endpoint.ends_with('/') ? endpoint : endpoint + "/"; }

// AccountName=...;AccountKey=...;BlobEndpoint=...
Section connection_string(const std::string& text) {
  Section out;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find(';', at), text.size());
    const auto part = text.substr(at, end - at);
    if (const auto equal = part.find('='); equal != std::string::npos) {
      out[part.substr(0, equal)] = part.substr(equal + 1);
    } else if (!part.empty()) {
      throw Error(Exit::kUsage, "The Azure connection string is not a list of 'name=value;'");
    }
    at = end + 1;
  }
  return out;
}

void take_connection_string(const std::string& text, StoreConfig& out) {
  const auto parts = connection_string(text);
  out.account = value_of(parts, "AccountName");
  out.account_key = Secret(value_of(parts, "AccountKey"));
  out.sas_token = Secret(value_of(parts, "SharedAccessSignature"));
  out.endpoint = value_of(parts, "BlobEndpoint");
  if (out.account.empty()) throw Error(Exit::kUsage, "The Azure connection string names no AccountName");
  if (out.endpoint.empty()) {
    const auto scheme = value_of(parts, "DefaultEndpointsProtocol");
    const auto suffix = value_of(parts, "EndpointSuffix");
    out.endpoint = (scheme.empty() ? "https" : scheme) + "://" + out.account + ".blob." +
                   (suffix.empty() ? "core.windows.net" : suffix);
  }
}

}  // namespace

std::string MediaConfig::setting(const Environment& environment, const char* variable, const char* key) const {
  if (const auto found = environment.filled(variable)) return *found;
  return key ? value_of(file_, key) : "";
}

void MediaConfig::add_root(FileSystem system, const std::string& root) {
  if (!root.empty()) roots_.push_back({system, root});
}

MediaConfig::MediaConfig(const Environment& environment)
    : home_(environment.home()), file_(read_cache_config(environment)) {
  const auto workers = setting(environment, "FIFTYONE_MEDIA_CACHE_NUM_WORKERS", "num_workers");
  workers_ = 16;
  if (!workers.empty()) {
    const auto* end = workers.data() + workers.size();
    const auto [stop, failure] = std::from_chars(workers.data(), end, workers_);
    if (failure != std::errc() || stop != end || workers_ < 1 || workers_ > 1024) {
      throw Error(Exit::kUsage, "FIFTYONE_MEDIA_CACHE_NUM_WORKERS (num_workers) must be an integer from 1 to 1024");
    }
  }
  const auto folder = setting(environment, "FIFTYONE_MEDIA_CACHE_DIR", "cache_dir");
  cache_folder_ = environment.expand_user(folder.empty() ? "~/fiftyone/__cache__" : folder);
  for (const char* name : {"AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (ca_file_.empty()) ca_file_ = environment.filled(name).value_or("");
  }
  read_s3(environment);
  read_minio(environment);
  read_azure(environment);
  read_gcs(environment);
  for (auto* config : {&s3_, &minio_, &azure_, &gcs_}) {
    config->ca_file = ca_file_;
  }
}

void MediaConfig::read_s3(const Environment& environment) {
  s3_.system = FileSystem::kS3;
  s3_.endpoint =
      environment.filled("AWS_ENDPOINT_URL_S3").value_or(environment.filled("AWS_ENDPOINT_URL").value_or(""));
  s3_.region = environment.filled("AWS_REGION").value_or(environment.filled("AWS_DEFAULT_REGION").value_or(""));
  if (environment.filled("AWS_ACCESS_KEY_ID")) {
    s3_.access_key = *environment.filled("AWS_ACCESS_KEY_ID");
    s3_.secret_key = Secret(environment.filled("AWS_SECRET_ACCESS_KEY").value_or(""));
    s3_.session_token = Secret(environment.filled("AWS_SESSION_TOKEN").value_or(""));
  }
  const auto named = environment.filled("AWS_PROFILE").value_or(value_of(file_, "aws_profile"));
  const auto profile = named.empty() ? "default" : named;
  auto credentials = environment.filled("AWS_SHARED_CREDENTIALS_FILE").value_or("");
  auto config = environment.filled("AWS_CONFIG_FILE").value_or(value_of(file_, "aws_config_file"));
  if (credentials.empty()) credentials = home_ + "/.aws/credentials";
  if (config.empty()) config = home_ + "/.aws/config";
  bool found = false;
  for (const auto& typed : {credentials, config}) {
    const auto file = environment.expand_user(typed);
    if (!std::filesystem::exists(file)) continue;
    Section section;
    try {
      section = read_ini(file, profile);
    } catch (const Error& error) {
      if (std::string_view(error.what()).find("has no section") != std::string_view::npos) continue;
      throw;
    }
    found = true;
    if (s3_.region.empty()) s3_.region = value_of(section, "region");
    if (s3_.endpoint.empty()) s3_.endpoint = value_of(section, "endpoint_url");
    if (!s3_.access_key.empty() || value_of(section, "aws_access_key_id").empty()) continue;
    s3_.access_key = value_of(section, "aws_access_key_id");
    s3_.secret_key = Secret(value_of(section, "aws_secret_access_key"));
    s3_.session_token = Secret(value_of(section, "aws_session_token"));
  }
  if (!named.empty() && !found) {
    throw Error(Exit::kUsage, "There is no AWS profile '" + named + "'",
                "Looked for in " + credentials + " and " + config + ".");
  }
}

void MediaConfig::read_minio(const Environment& environment) {
  minio_.system = FileSystem::kMinio;
  const auto section = profile_of(environment, setting(environment, "MINIO_CONFIG_FILE", "minio_config_file"),
                                  setting(environment, "MINIO_PROFILE", "minio_profile"));
  const auto one = [&](const char* variable, const char* key) {
    const auto found = environment.filled(variable);
    return found ? *found : value_of(section, key);
  };
  minio_.access_key = one("MINIO_ACCESS_KEY", "access_key");
  minio_.secret_key = Secret(one("MINIO_SECRET_ACCESS_KEY", "secret_access_key"));
  minio_.endpoint = without_slash(one("MINIO_ENDPOINT_URL", "endpoint_url"));
  minio_.region = one("MINIO_REGION", "region");
  if (minio_.region.empty()) minio_.region = "us-east-1";
  const auto alias = one("MINIO_ALIAS", "alias");
  if (!alias.empty()) add_root(FileSystem::kMinio, alias + "://");
  if (!minio_.endpoint.empty()) add_root(FileSystem::kMinio, with_slash(minio_.endpoint));
}

void MediaConfig::read_azure(const Environment& environment) {
  azure_.system = FileSystem::kAzure;
  const auto section = profile_of(environment, setting(environment, "AZURE_CREDENTIALS_FILE", "azure_credentials_file"),
                                  setting(environment, "AZURE_PROFILE", "azure_profile"));
  const auto one = [&](const char* variable, const char* key) {
    const auto found = *variable ? environment.filled(variable) : std::nullopt;
    return found ? *found : value_of(section, key);
  };
  const auto connection = one("AZURE_STORAGE_CONNECTION_STRING", "conn_str");
  if (!connection.empty()) {
    take_connection_string(connection, azure_);
  } else {
    azure_.account = one("AZURE_STORAGE_ACCOUNT", "account_name");
    azure_.account_key = Secret(one("AZURE_STORAGE_KEY", "account_key"));
    azure_.sas_token = Secret(one("", "sas_token"));
    azure_.client_id = one("AZURE_CLIENT_ID", "client_id");
    azure_.client_secret = Secret(one("AZURE_CLIENT_SECRET", "secret"));
    azure_.tenant = one("AZURE_TENANT_ID", "tenant");
  }
  const auto url = without_slash(one("AZURE_STORAGE_ACCOUNT_URL", "account_url"));
  if (!url.empty()) azure_.endpoint = url;
  const auto alias = one("AZURE_ALIAS", "alias");
  if (!alias.empty()) add_root(FileSystem::kAzure, alias + "://");
  if (!azure_.endpoint.empty()) add_root(FileSystem::kAzure, with_slash(azure_.endpoint));
}

void MediaConfig::read_gcs(const Environment& environment) {
  gcs_.system = FileSystem::kGcs;
  // As Google's own libraries name a stand-in of their service.
  gcs_.endpoint = environment.filled("STORAGE_EMULATOR_HOST").value_or("");
  gcs_.anonymous = !gcs_.endpoint.empty();
  const auto file = value_of(file_, "google_application_credentials");
  if (!file.empty() && !environment.filled("GOOGLE_APPLICATION_CREDENTIALS")) {
    gcs_.credentials_json = Secret(whole_file(environment.expand_user(file), "The Google credentials file"));
  }
}

std::string MediaConfig::root(FileSystem system) const {
  std::string out;
  for (const auto& root : roots_) {
    if (root.system == system && root.root.size() > out.size()) out = root.root;
  }
  if (system == FileSystem::kS3) return "s3://";
  if (system == FileSystem::kGcs) return "gs://";
  if (out.empty() && system == FileSystem::kAzure && !azure_.account.empty()) {
    return "https://" + azure_.account + ".blob.core.windows.net/";
  }
  return out;
}

StoreConfig MediaConfig::store(const Location& location) const {
  switch (location.system) {
    case FileSystem::kS3:
      return s3_;
    case FileSystem::kMinio:
      if (minio_.endpoint.empty()) {
        throw Error(Exit::kUsage, "MINIO_ENDPOINT_URL is not set: where is '" + location.root + "'?");
      }
      return minio_;
    case FileSystem::kGcs:
      return gcs_;
    case FileSystem::kAzure: {
      auto config = azure_;
      if (!location.root.ends_with("://")) {
        // "https://account.blob.core.windows.net/" names its account; keys of
        // another one do not open it.
        const auto host = location.root.substr(location.root.find("://") + 3);
        const auto account = host.substr(0, host.find('.'));
        const bool own = !config.endpoint.empty() && with_slash(config.endpoint) == location.root;
        if (!own) config.endpoint = without_slash(location.root);
        if (!own && !config.account.empty() && config.account != account) {
          config.account_key = Secret();
          config.sas_token = Secret();
        }
        if (!own) config.account = account;
      }
      if (config.account.empty()) throw Error(Exit::kUsage, "AZURE_STORAGE_ACCOUNT is not set: whose storage is it?");
      if (config.endpoint.empty()) config.endpoint = "https://" + config.account + ".blob.core.windows.net";
      return config;
    }
    case FileSystem::kLocal:
    case FileSystem::kHttp:
      break;
  }
  throw Error(Exit::kUsage, "'" + location.path() + "' is not in an object store");
}

}  // namespace fm::media
