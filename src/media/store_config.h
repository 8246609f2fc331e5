// What opens an object store.
#pragma once

#include <optional>
#include <string>

#include "config/secret.h"
#include "media/location.h"

namespace fm::media {

struct StoreConfig {
  FileSystem system = FileSystem::kS3;
  // "http://127.0.0.1:9000"; empty: the provider's own. Azure: with the account
  // in the host or behind it.
  std::string endpoint;
  std::string region;  // S3; empty: asked for, bucket by bucket
  // Keys that were found in settings or files. Without: the provider's chain.
  std::string access_key;
  Secret secret_key;
  Secret session_token;
  // Azure.
  std::string account;
  Secret account_key;
  Secret sas_token;
  std::string client_id;
  Secret client_secret;
  std::string tenant;
  // Google: the content of a credentials file. Without: its default chain.
  std::optional<Secret> credentials_json;
  bool anonymous = false;
  std::string ca_file;
  int connections = 16;  // requests at the same time
};

}  // namespace fm::media
