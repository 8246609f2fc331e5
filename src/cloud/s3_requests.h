// Requests of S3 that Arrow makes dearer than they are, over connections that are
// kept. Its writer takes 10 MiB of memory for every object and clears it, which
// for small files is most of the work, and does not tell what the store
// answered; its deletion leaves an empty object for the folder.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cloud/s3_signature.h"
#include "media/object_store.h"

namespace fm::cloud {

class S3Requests {
 public:
  // `endpoint`: "https://host:port". `credentials` is asked before each request,
  // because those of a role expire.
  S3Requests(std::string endpoint, std::string ca_file, std::function<S3Credentials()> credentials);
  ~S3Requests();

  // Both are thread-safe. They try five times what may pass, as long apart as the
  // store asks for, else growing times, and sign anew, by the store's clock, where
  // ours is wrong. `doing` begins the text of an error.

  // The content is hashed and signed, so the store takes no other. Memory: the
  // content, kept for the next call. Returns the store's answer; nothing where it
  // names no ETag. Throws as ObjectStore::put.
  std::optional<media::ObjectFacts> put(const std::string& key, const std::string& region,
                                        const media::Content& content, const std::string& content_type,
                                        const std::string& doing);
  void remove(const std::string& key, const std::string& region, const std::string& doing);

  struct Connection;

 private:
  std::unique_ptr<Connection> take();
  // The ETag of a good answer. The connection is kept for others then.
  std::string exchange(std::unique_ptr<Connection> connection, const S3Request& request, const std::string& region,
                       const std::string& doing);

  std::string endpoint_;
  std::string host_;
  std::string ca_file_;
  std::function<S3Credentials()> credentials_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
  long skew_ = 0;  // seconds that the store's clock is ahead
};

}  // namespace fm::cloud
