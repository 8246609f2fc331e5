// Objects that are written and deleted by requests of our own, where Arrow makes
// them dearer than they are. Its writer takes 10 MiB of memory for every object and
// clears it, which for small files is most of the work, copies every part of a
// large one, and does not tell what the store answered; its deletion leaves an
// empty object for the folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cloud/s3_requests.h"
#include "media/object_store.h"

namespace fm::cloud {

class S3Objects {
 public:
  explicit S3Objects(S3Requests& requests) : requests_(requests) {}

  // As ObjectStore::put, for content that can be read at any place; in parts from
  // kPartSize on, as many side by side as there are connections. Each request names
  // the SHA-256 of what it sends, so that a store that knows checksums takes
  // nothing else and says so in its answer: the facts have it then. Content is read
  // twice, to hash it and to send it. Memory: 512 KiB a connection.
  std::optional<media::ObjectFacts> put(const std::string& key, const media::Content& content,
                                        const std::string& content_type, const std::string& doing);
  void remove(const std::string& key, const std::string& doing);

 private:
  struct Part {
    std::string etag;
    std::string sha256;  // base64; empty if the store did not confirm it
    std::int64_t size = 0;
  };
  std::string begin(const std::string& key, const std::string& content_type, const std::string& doing);
  // What an upload has by number; nothing when there is no such upload.
  std::optional<std::map<std::int64_t, Part>> parts_of(const std::string& key, const std::string& upload,
                                                       const std::string& doing);
  Part put_part(const std::string& key, const std::string& upload, const media::Content& content, std::int64_t part,
                const std::map<std::int64_t, Part>& there, const std::string& doing);
  // Leaves errors alone: the upload may be gone.
  void abort(const std::string& key, const std::string& upload, const std::string& doing);
  std::optional<media::ObjectFacts> put_parts(const std::string& key, const media::Content& content,
                                              const std::string& content_type, const std::string& doing);
  std::optional<media::ObjectFacts> complete(const std::string& key, const std::string& upload,
                                             const std::vector<Part>& parts, std::int64_t size,
                                             const std::string& doing);

  S3Requests& requests_;
};

}  // namespace fm::cloud
