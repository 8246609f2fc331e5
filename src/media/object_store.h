// A place that keeps objects under names: what S3, Google Cloud Storage, Azure
// Blob, a folder and a map in memory have in common.
//
// A key is "bucket/name of the object" ("container/..."; for a folder the
// absolute path). Stores are thread-safe. Errors are thrown as Error:
// kUnreachable for what may succeed when it is tried again, kRights for missing
// or refused credentials, kNotFound for a bucket or object that is not there,
// else kFailed. None names a secret.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::media {

// S3 objects of this size and above are sent in parts.
inline constexpr std::int64_t kPartSize = std::int64_t{10} << 20;
inline constexpr std::int64_t kMostParts = 10'000;  // of S3

// Of an object that is sent in parts, all but the last of them: kPartSize, or
// whole MiB where there would be too many.
inline std::int64_t part_size(std::int64_t object_size) {
  constexpr std::int64_t kUnit = std::int64_t{1} << 20;
  const auto least = (object_size + kMostParts - 1) / kMostParts;
  return std::max(kPartSize, (least + kUnit - 1) / kUnit * kUnit);
}
// 1 of an object that goes as a whole.
inline std::int64_t part_count(std::int64_t object_size) {
  return object_size < kPartSize ? 1 : (object_size + part_size(object_size) - 1) / part_size(object_size);
}

// What is stored with an object. Empty: as the store does without.
struct Attributes {
  std::string content_type;
  std::string cache_control;
  std::string storage_class;
  std::map<std::string, std::string> metadata;  // one's own, by name
};

// What a store says of an object; empty where it does not say.
struct ObjectFacts {
  std::int64_t size = 0;
  std::string etag;    // without quotes
  std::string md5;     // of the content, 32 hexadecimal digits
  std::string crc32c;  // of the content, 8 hexadecimal digits
  std::string sha256;  // of the content, as content_hash.h has it
  std::string content_type;
};

// Content to store. Both ways of reading fill the buffer and return how much they
// gave: less than asked for only at the end. A store uses one of them.
struct Content {
  std::int64_t size = 0;
  // From where the last call ended.
  std::function<std::size_t(char* buffer, std::size_t capacity)> read;
  // From anywhere, as often as needed, in several threads. Empty for content that
  // comes only once, and so is part_sha256.
  std::function<std::size_t(std::int64_t offset, char* buffer, std::size_t capacity)> read_at;
  // 32 bytes of a part (from 0), or of the whole when there is one part.
  std::function<std::string(std::int64_t part)> part_sha256;
  // A store that sends parts tells `begun` a name for what it has begun, before
  // the first one. Given back as `unfinished`, the next put of that key goes on
  // where it can, else takes it away. Both may be empty.
  std::function<void(const std::string& upload)> begun;
  std::string unfinished;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Nothing when there is no such object. One request.
  virtual std::optional<ObjectFacts> stat(const std::string& key) = 0;

  // Writes the object, over one of that key. When it throws, none is left that
  // holds a part of the content (an Azure store that loses its connection then
  // may leave an empty one); after kUnreachable what was `begun` waits. Throws Error(kFailed) when the content has
  // another size than it says. Returns what the store answered of the object, where that names its content; else stat()
  // has to ask. Memory: one part at most.
  virtual std::optional<ObjectFacts> put(const std::string& key, const Content& content,
                                         const Attributes& attributes) = 0;
  // Throws Error(kUsage) for what put() could not store with an object.
  virtual void check_attributes(const Attributes& attributes) const = 0;

  // From the first byte to the last. Throws Error(kNotFound).
  virtual void get(const std::string& key, const std::function<void(std::string_view)>& sink) = 0;

  struct Entry {
    std::string key;
    std::int64_t size = 0;
    bool folder = false;
    std::int64_t modified_ms = -1;  // since 1970; -1 where it is not said
  };
  // What lies under a folder ("bucket/a"), or the buckets for "". Nothing when
  // there is none. Folders come only without `recursive`.
  virtual void list(const std::string& folder, bool recursive, const std::function<void(const Entry&)>& visit) = 0;

  // Within the store, without a detour through here.
  virtual void copy(const std::string& from, const std::string& to) = 0;

  // Nothing happens when there is no such object.
  virtual void remove(const std::string& key) = 0;
};

}  // namespace fm::media
