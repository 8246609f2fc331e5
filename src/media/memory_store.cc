#include "media/memory_store.h"

#include <set>

#include "base/error.h"

namespace fm::media {

namespace {

[[noreturn]] void missing(const std::string& key) {
  throw Error(Exit::kNotFound, "There is no object '" + key + "'", "", "FileNotFoundError");
}

}  // namespace

std::optional<ObjectFacts> MemoryStore::stat(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return std::nullopt;
  ObjectFacts out;
  out.size = static_cast<std::int64_t>(found->second.content.size());
  out.content_type = found->second.attributes.content_type;
  return out;
}

std::optional<ObjectFacts> MemoryStore::put(const std::string& key, const Content& content,
                                            const Attributes& attributes) {
  if (at_put) at_put(key);
  std::string bytes(static_cast<std::size_t>(content.size) + 1, '\0');
  const auto size = content.read(bytes.data(), bytes.size());
  if (size != static_cast<std::size_t>(content.size)) {
    throw Error(Exit::kFailed, "The content for '" + key + "' changed while it was read");
  }
  bytes.resize(size);
  const std::lock_guard lock(mutex_);
  objects_[key] = {std::move(bytes), attributes};
  return std::nullopt;
}

void MemoryStore::get(const std::string& key, const std::function<void(std::string_view)>& sink) {
  std::string content;
  {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) missing(key);
    content = found->second.content;
  }
  sink(content);
}

void MemoryStore::list(const std::string& folder, bool recursive, const std::function<void(const Entry&)>& visit) {
  const auto prefix = folder.empty() ? "" : folder + "/";
  std::vector<Entry> out;
  {
    const std::lock_guard lock(mutex_);
    std::set<std::string> folders;
    for (const auto& [key, object] : objects_) {
      if (!key.starts_with(prefix)) continue;
      const auto slash = key.find('/', prefix.size());
      if (recursive || slash == std::string::npos) {
        out.push_back({key, static_cast<std::int64_t>(object.content.size()), false});
      } else if (folders.insert(key.substr(0, slash)).second) {
        out.push_back({key.substr(0, slash), 0, true});
      }
    }
  }
  for (const auto& entry : out) visit(entry);
}

void MemoryStore::copy(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(from);
  if (found == objects_.end()) missing(from);
  objects_[to] = Object(found->second);
}

void MemoryStore::remove(const std::string& key) {
  const std::lock_guard lock(mutex_);
  objects_.erase(key);
}

}  // namespace fm::media
