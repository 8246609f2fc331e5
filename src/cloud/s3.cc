#include <arrow/filesystem/s3fs.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/thread_pool.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/error.h"
#include "cloud/arrow_store.h"
#include "cloud/part_memory.h"
#include "cloud/s3_objects.h"
#include "cloud/status.h"

namespace fm::cloud {

namespace {

namespace afs = arrow::fs;

constexpr double kConnectSeconds = 5;
constexpr double kRequestSeconds = 60;
constexpr std::int64_t kAttempts = 5;

// At the program's end S3 has to be finalized before the statics of Arrow that
// it uses are gone, so they are made first.
void initialize(int connections) {
  static const bool done = [connections] {
    check(arrow::io::SetIOThreadPoolCapacity(connections), "Starting Arrow's S3");
    (void)arrow::internal::GetCpuThreadPool();
    if (!afs::IsS3Initialized()) {
      afs::S3GlobalOptions options = afs::S3GlobalOptions::Defaults();
      options.log_level = afs::S3LogLevel::Off;  // its lines may name what is secret
      check(afs::InitializeS3(options), "Starting Arrow's S3");
    }
    auto options = afs::S3Options::Anonymous();
    options.region = "us-east-1";
    (void)afs::S3FileSystem::Make(options);
    std::atexit([] { (void)afs::EnsureS3Finalized(); });
    return true;
  }();
  (void)done;
}

afs::S3Options options_of(const media::StoreConfig& config) {
  afs::S3Options options;
  if (config.anonymous) {
    options = afs::S3Options::Anonymous();
  } else if (!config.access_key.empty()) {
    options =
        afs::S3Options::FromAccessKey(config.access_key, config.secret_key.reveal(), config.session_token.reveal());
  } else if (config.system == media::FileSystem::kS3) {
    options = afs::S3Options::Defaults();
  }
  // Without credentials requests would go out unsigned and fail strangely.
  if (!config.anonymous && options.GetAccessKey().empty()) {
    const bool minio = config.system == media::FileSystem::kMinio;
    throw Error(Exit::kRights, minio ? "There are no MinIO credentials" : "There are no AWS credentials",
                minio
                    ? "Set MINIO_ACCESS_KEY and MINIO_SECRET_ACCESS_KEY, or MINIO_CONFIG_FILE."
                    : "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; docs/media.md lists all ways.");
  }
  options.allow_delayed_open = true;
  options.background_writes = false;
  options.connect_timeout = kConnectSeconds;
  options.request_timeout = kRequestSeconds;
  options.retry_strategy = afs::S3RetryStrategy::GetAwsStandardRetryStrategy(kAttempts);
  if (!config.ca_file.empty()) options.tls_ca_file_path = config.ca_file;
  if (!config.endpoint.empty()) {
    const auto colon = config.endpoint.find("://");
    options.scheme = colon == std::string::npos ? "https" : config.endpoint.substr(0, colon);
    options.endpoint_override = colon == std::string::npos ? config.endpoint : config.endpoint.substr(colon + 3);
    while (options.endpoint_override.ends_with('/')) options.endpoint_override.pop_back();
  }
  return options;
}

// File systems by region; the region of a bucket is asked for once where none
// is configured.
class Regions {
 public:
  explicit Regions(const media::StoreConfig& config)
      : config_(config), options_(options_of(config)), memory_(config.connections) {}

  // Asked for anew where they are those of a role; they belong together.
  S3Credentials credentials() const {
    while (true) {
      S3Credentials out{options_.GetAccessKey(), options_.GetSecretKey(), options_.GetSessionToken()};
      if (options_.GetAccessKey() == out.access_key) return out;
    }
  }

  std::string region_of(const std::string& bucket) {
    const std::lock_guard lock(mutex_);
    return known_region(bucket);
  }

  FileSystems at(const std::string& bucket) {
    const std::lock_guard lock(mutex_);
    const auto region = known_region(bucket);
    auto& made = systems_[region];
    if (!made.one) {
      auto options = options_;
      options.region = region;
      made.one = check(afs::S3FileSystem::Make(options), "S3");
      options.background_writes = true;
      made.parts = check(afs::S3FileSystem::Make(options, arrow::io::IOContext(&memory_)), "S3");
    }
    return made;
  }

 private:
  const std::string& known_region(const std::string& bucket) {
    static const std::string kFirst = "us-east-1";
    if (!config_.region.empty()) return config_.region;
    if (!config_.endpoint.empty() || bucket.empty()) return kFirst;
    auto& known = regions_[bucket];
    if (known.empty()) known = check(afs::ResolveS3BucketRegion(bucket), "S3, looking for bucket '" + bucket + "'");
    return known;
  }

  media::StoreConfig config_;
  afs::S3Options options_;
  PartMemory memory_;
  std::mutex mutex_;
  std::map<std::string, std::string> regions_;
  std::map<std::string, FileSystems> systems_;
};

// Whether objects are written by signed requests, not by Arrow: a path in an
// endpoint is Arrow's matter, and so are requests without a signature, and hosts of
// Amazon that settings of its own choose.
bool signs_itself(const media::StoreConfig& config) {
  if (config.anonymous) return false;
  if (!config.endpoint.empty()) return std::count(config.endpoint.begin(), config.endpoint.end(), '/') == 2;
  const auto on = [](const char* name) {
    const char* value = std::getenv(name);
    return value && std::string_view(value) == "true";
  };
  if (config.region.find("-iso") != std::string::npos || config.region.starts_with("eusc-")) return false;
  return !on("AWS_USE_FIPS_ENDPOINT") && !on("AWS_USE_DUALSTACK_ENDPOINT");
}

// Of the partitions whose names are public.
std::string amazon_endpoint(const std::string& region) {
  return "https://s3." + region + (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

// Buckets that are no plain ones: access points, Outposts, directory buckets.
bool special(const std::string& bucket) {
  return bucket.find(':') != std::string::npos || bucket.ends_with("--x-s3") || bucket.ends_with("--op-s3");
}

// Arrow, but for what is dear there.
class S3Store final : public ArrowStore {
 public:
  S3Store(Traits traits, const media::StoreConfig& config, const std::shared_ptr<Regions>& regions)
      : ArrowStore(std::move(traits), [regions](const std::string& bucket) { return regions->at(bucket); }) {
    if (!signs_itself(config)) return;
    amazon_ = config.endpoint.empty();
    requests_.emplace([endpoint = config.endpoint](
                          const std::string& region) { return endpoint.empty() ? amazon_endpoint(region) : endpoint; },
                      [regions](const std::string& bucket) { return regions->region_of(bucket); }, config.ca_file,
                      config.connections, [regions] { return regions->credentials(); });
    objects_.emplace(*requests_);
  }

  std::optional<media::ObjectFacts> put(const std::string& key, const media::Content& content,
                                        const media::Attributes& attributes) override {
    if (auto* objects = objects_of(key)) return objects->put(key, content, attributes, doing("writing", key));
    if (!attributes.storage_class.empty() || !attributes.metadata.empty()) {
      throw Error(Exit::kUsage, doing("writing", key) + ": objects cannot be given metadata or a storage class here");
    }
    return ArrowStore::put(key, content, attributes);
  }

  void remove(const std::string& key) override {
    auto* objects = objects_of(key);
    if (!objects) return ArrowStore::remove(key);
    objects->remove(key, doing("deleting", key));
  }

 private:
  // Nothing where Arrow does it.
  S3Objects* objects_of(const std::string& key) {
    return objects_ && !(amazon_ && special(key.substr(0, key.find('/')))) ? &*objects_ : nullptr;
  }

  bool amazon_ = false;
  std::optional<S3Requests> requests_;
  std::optional<S3Objects> objects_;
};

}  // namespace

std::unique_ptr<media::ObjectStore> open_s3(const media::StoreConfig& config) {
  initialize(config.connections);
  auto regions = std::make_shared<Regions>(config);
  Traits traits;
  traits.name = config.system == media::FileSystem::kMinio ? "MinIO" : "S3";
  traits.abort_discards = true;
  traits.storage_class = traits.metadata = signs_itself(config);
  traits.metadata_names = "-";
  return std::make_unique<S3Store>(traits, config, regions);
}

}  // namespace fm::cloud
