// Paths of media, local and remote, and what they mean (spec: media 2).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fm::media {

enum class FileSystem { kLocal, kS3, kGcs, kAzure, kMinio, kHttp };

// "local", "s3", "gcs", "azure", "minio", "http".
const char* name_of(FileSystem system);

// Where a path leads. `root` is how paths of its store begin ("s3://",
// "https://account.blob.core.windows.net/"; "" for local ones), `key` what
// ObjectStore takes: "bucket/object", never percent-encoded.
struct Location {
  FileSystem system = FileSystem::kLocal;
  std::string root;
  std::string key;

  bool local() const { return system == FileSystem::kLocal; }
  std::string path() const { return root + key; }
  // The part of the key in front of the first "/".
  std::string bucket() const { return local() ? "" : key.substr(0, key.find('/')); }
  bool operator==(const Location&) const = default;
};

// One way to write paths of a store: all that begins with `root`.
struct Root {
  FileSystem system;
  std::string root;  // "minio://", "https://minio.example.org/"
};

// Aliases and endpoints (`roots`, the longest one wins), then Azure's own
// domain, "s3://", "gs://", the web, and everything else is a local path. Local
// paths are made absolute and normal, "~" expanded with `home`; nothing in a
// remote key is folded, merged or decoded.
Location locate(std::string_view path, const std::vector<Root>& roots, const std::string& home);

// A folder and what lies below it.
std::string join(const std::string& folder, const std::string& name);
// A remote or local folder without slashes at its end.
std::string without_slash(std::string folder);

}  // namespace fm::media
