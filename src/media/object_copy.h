// Objects from one store to another.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "media/object_store.h"

namespace fm::media {

struct StoredAt {
  ObjectStore& store;
  std::string key;
};

// As content_hash.h has it. Reads the object.
std::string sha256_of(ObjectStore& store, const std::string& key, std::int64_t size);

// Whether the store copies it itself; what is stored with the object is copied
// then, and `attributes` and `pass` below are not used.
bool within_store(const StoredAt& from, std::int64_t size, const StoredAt& to);

// An object of that size. Within a store by one request, else through memory, some
// 16 MiB of it; `pass` is given the content then and returns what is sent. Returns
// and throws as ObjectStore::put.
std::optional<ObjectFacts> copy_object(const StoredAt& from, std::int64_t size, const StoredAt& to,
                                       const Attributes& attributes, const std::function<Content(Content)>& pass = {});

}  // namespace fm::media
