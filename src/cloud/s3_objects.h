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

  // As ObjectStore::put, in parts from kPartSize on. Each request names the SHA-256
  // of what it sends, so that a store that knows checksums takes nothing else and
  // says so in its answer: the facts have it then. Content that can be read at any
  // place is read twice, to hash it and to send it, and goes with as many parts side
  // by side as there are connections; memory: 512 KiB a connection. Other content
  // goes part after part; memory: one of them.
  std::optional<media::ObjectFacts> put(const std::string& key, const media::Content& content,
                                        const media::Attributes& attributes, const std::string& doing);
  void remove(const std::string& key, const std::string& doing);

 private:
  struct Part {
    std::string etag;
    std::string sha256;  // base64; empty if the store did not confirm it
    std::int64_t size = 0;
  };
  std::optional<media::ObjectFacts> put_whole(const std::string& key, const media::Content& content,
                                              const media::Attributes& attributes, const std::string& doing);
  // The parts of content that comes in order.
  std::vector<Part> send_in_order(const std::string& key, const std::string& upload, const media::Content& content,
                                  const std::string& doing);
  std::string begin(const std::string& key, const media::Attributes& attributes, const std::string& doing);
  // What an upload has by number; nothing when there is no such upload.
  std::optional<std::map<std::int64_t, Part>> parts_of(const std::string& key, const std::string& upload,
                                                       const std::string& doing);
  Part put_bytes(const std::string& key, const std::string& upload, std::int64_t number, const std::string& sha256,
                 const S3Body& body, const std::string& doing);
  Part put_part(const std::string& key, const std::string& upload, const media::Content& content, std::int64_t part,
                const std::map<std::int64_t, Part>& there, const std::string& doing);
  // Leaves errors alone: the upload may be gone.
  void abort(const std::string& key, const std::string& upload, const std::string& doing);
  std::optional<media::ObjectFacts> put_parts(const std::string& key, const media::Content& content,
                                              const media::Attributes& attributes, const std::string& doing);
  std::optional<media::ObjectFacts> complete(const std::string& key, const std::string& upload,
                                             const std::vector<Part>& parts, std::int64_t size,
                                             const std::string& doing);

  S3Requests& requests_;
};

}  // namespace fm::cloud
