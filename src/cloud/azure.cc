#include <arrow/filesystem/azurefs.h>

#include "base/error.h"
#include "cloud/arrow_store.h"
#include "cloud/status.h"

namespace fm::cloud {

namespace afs = arrow::fs;

namespace {

// "https://account.domain" and "http://host:port/account" are what Arrow can
// build again from account and authority.
void take_endpoint(const media::StoreConfig& config, afs::AzureOptions& out) {
  const auto colon = config.endpoint.find("://");
  if (colon == std::string::npos)
    throw Error(Exit::kUsage, "'" + config.endpoint + "' is not a URL of an Azure account");
  const auto scheme = config.endpoint.substr(0, colon);
  const auto rest = config.endpoint.substr(colon + 3);
  if (rest.starts_with(config.account + ".")) {
    out.blob_storage_authority = rest.substr(config.account.size());
    out.dfs_storage_authority = out.blob_storage_authority;
    if (const auto blob = out.dfs_storage_authority.find(".blob."); blob == 0) {
      out.dfs_storage_authority.replace(0, 6, ".dfs.");
    }
  } else if (rest.ends_with("/" + config.account)) {
    out.blob_storage_authority = rest.substr(0, rest.size() - config.account.size() - 1);
    out.dfs_storage_authority = out.blob_storage_authority;
  } else {
    throw Error(Exit::kUsage, "'" + config.endpoint + "' does not name the Azure account '" + config.account + "'",
                "Such a URL is https://ACCOUNT.blob.core.windows.net or SCHEME://HOST:PORT/ACCOUNT.");
  }
  out.blob_storage_scheme = scheme;
  out.dfs_storage_scheme = scheme;
}

void take_credential(const media::StoreConfig& config, afs::AzureOptions& out) {
  const std::string doing = "Azure credentials";
  if (!config.account_key.reveal().empty()) {
    check(out.ConfigureAccountKeyCredential(config.account_key.reveal()), doing);
  } else if (!config.sas_token.reveal().empty()) {
    check(out.ConfigureSASCredential(config.sas_token.reveal()), doing);
  } else if (!config.client_secret.reveal().empty()) {
    check(out.ConfigureClientSecretCredential(config.tenant, config.client_id, config.client_secret.reveal()), doing);
  } else {
    check(out.ConfigureDefaultCredential(), doing);
  }
}

}  // namespace

std::unique_ptr<media::ObjectStore> open_azure(const media::StoreConfig& config) {
  afs::AzureOptions options;
  options.account_name = config.account;
  options.background_writes = false;  // an abort would end the process at its exit
  take_endpoint(config, options);
  take_credential(config, options);
  const std::shared_ptr<arrow::fs::FileSystem> fs = check(afs::AzureFileSystem::Make(options), "Azure");
  Traits traits;
  traits.name = "Azure";
  traits.attempts = 3;  // its library gives up where connections are cut one after another
  return std::make_unique<ArrowStore>(traits, [fs](const std::string&) { return FileSystems{fs, fs}; });
}

}  // namespace fm::cloud
