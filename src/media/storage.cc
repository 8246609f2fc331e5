#include "media/storage.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/pool.h"
#include "media/content_type.h"
#include "media/local_file.h"
#include "media/object_copy.h"
#include "media/retry.h"

namespace fm::media {

namespace {

constexpr int kCopyAttempts = 3;

[[noreturn]] void missing(const std::string& path) {
  throw Error(Exit::kNotFound, "There is no file '" + path + "'", "", "FileNotFoundError");
}

bool hidden(const std::string& relative) {
  return relative.starts_with('.') || relative.find("/.") != std::string::npos;
}

}  // namespace

std::pair<std::string, std::string> Storage::split_prefix(const std::string& path) const {
  const auto location = stores_.locate(path);
  if (location.local()) return {"", path};
  return {location.root, location.key};
}

std::string Storage::get_bucket_name(const std::string& path) const {
  const auto location = stores_.locate(path);
  return location.local() || location.system == FileSystem::kHttp ? "" : location.root + location.bucket();
}

std::string Storage::normalize_path(const std::string& path) const {
  const auto location = stores_.locate(path);
  return location.local() ? location.key : without_slash(path);
}

bool Storage::is_file(const std::string& path) {
  const auto location = stores_.locate(path);
  return stores_.at(location).stat(location.key).has_value();
}

bool Storage::is_dir(const std::string& path) {
  const auto location = stores_.locate(without_slash(path));
  if (location.local()) return std::filesystem::is_directory(location.key);
  bool found = false;
  stores_.at(location).list(location.key, false, [&](const ObjectStore::Entry&) { found = true; });
  return found;
}

std::int64_t Storage::file_size(const std::string& path) {
  const auto location = stores_.locate(path);
  const auto facts = stores_.at(location).stat(location.key);
  if (!facts) missing(path);
  return facts->size;
}

std::string Storage::read_file(const std::string& path) {
  const auto location = stores_.locate(path);
  std::string out;
  stores_.at(location).get(location.key, [&](std::string_view bytes) { out += bytes; });
  return out;
}

void Storage::write_file(const std::string& path, const std::string& content) {
  const auto location = stores_.locate(path);
  retried(kCopyAttempts, [&] {
    std::size_t at = 0;
    Content source;
    source.size = static_cast<std::int64_t>(content.size());
    source.read = [&](char* buffer, std::size_t capacity) {
      const auto n = content.copy(buffer, capacity, at);
      at += n;
      return n;
    };
    (void)stores_.at(location).put(location.key, source, {content_type_of(path), {}, {}, {}});
  });
}

std::vector<std::string> Storage::list_files(const std::string& folder, const ListOptions& options) {
  std::vector<std::string> out;
  for (auto& file : files_in(folder, options)) out.push_back(std::move(file.path));
  return out;
}

std::vector<Storage::File> Storage::files_in(const std::string& folder, const ListOptions& options) {
  const auto location = stores_.locate(without_slash(folder));
  const auto start = join(location.key, "").size();
  std::vector<File> out;
  stores_.at(location).list(location.key, options.recursive, [&](const ObjectStore::Entry& entry) {
    if (entry.folder) return;
    const auto relative = entry.key.substr(std::min(entry.key.size(), start));
    if (!options.include_hidden_files && hidden(relative)) return;
    out.push_back({options.abs_paths ? location.root + entry.key : relative, entry.size, entry.modified_ms});
  });
  if (options.sort) std::sort(out.begin(), out.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return out;
}

std::vector<std::string> Storage::list_subdirs(const std::string& folder, const ListOptions& options) {
  const auto location = stores_.locate(without_slash(folder));
  const auto start = join(location.key, "").size();
  std::set<std::string> found;
  stores_.at(location).list(location.key, options.recursive, [&](const ObjectStore::Entry& entry) {
    auto relative = entry.key.substr(std::min(entry.key.size(), start));
    if (!entry.folder) {
      // Only listings of one level name folders themselves.
      for (auto slash = relative.rfind('/'); slash != std::string::npos && options.recursive;
           slash = relative.rfind('/')) {
        relative.resize(slash);
        found.insert(relative);
      }
      return;
    }
    found.insert(relative);
  });
  std::vector<std::string> out;
  for (const auto& relative : found) {
    if (options.include_hidden_files || !hidden(relative)) {
      out.push_back(options.abs_paths ? location.root + join(location.key, relative) : relative);
    }
  }
  return out;
}

std::vector<std::string> Storage::list_buckets(const std::string& root) {
  const auto location = stores_.locate(root);
  std::vector<std::string> out;
  if (location.local()) return list_subdirs("/", {.abs_paths = true});
  stores_.at(location).list("", false,
                            [&](const ObjectStore::Entry& entry) { out.push_back(location.root + entry.key); });
  std::sort(out.begin(), out.end());
  return out;
}

void Storage::copy_file(const std::string& from, const std::string& to) {
  retried(kCopyAttempts, [&] { copy_once(from, to); });
}

void Storage::copy_once(const std::string& from, const std::string& to) {
  const auto source = stores_.locate(from);
  const auto target = stores_.locate(to);
  if (source == target) return;
  auto& reader = stores_.at(source);
  auto& writer = stores_.at(target);
  const auto facts = reader.stat(source.key);
  if (!facts) missing(from);
  if (source.local()) {
    LocalFile file(source.key);
    auto content = file.content(false);
    std::int64_t at = 0;
    content.read = [&](char* buffer, std::size_t capacity) {  // nobody asks for its hashes
      const auto n = content.read_at(at, buffer, capacity);
      at += static_cast<std::int64_t>(n);
      return n;
    };
    (void)writer.put(target.key, content, {content_type_of(target.key), {}, {}, {}});
  } else {
    (void)copy_object({reader, source.key}, facts->size, {writer, target.key},
                      {content_type_of(target.key), {}, {}, {}});
  }
  const auto there = writer.stat(target.key);
  if (!there || there->size != facts->size) {
    throw Error(Exit::kFailed, "'" + to + "' is not complete after it was copied from '" + from + "'");
  }
}

void Storage::move_file(const std::string& from, const std::string& to) {
  if (stores_.locate(from) == stores_.locate(to)) return;
  copy_file(from, to);
  delete_file(from);
}

void Storage::delete_file(const std::string& path) {
  const auto location = stores_.locate(path);
  stores_.at(location).remove(location.key);
}

std::vector<BulkFailure> Storage::each(std::size_t count, const BulkOptions& options,
                                       const std::function<void(std::size_t)>& work) {
  std::mutex mutex;
  std::vector<BulkFailure> failures;
  std::size_t done = 0;
  parallel_for(static_cast<std::size_t>(stores_.workers()), count, [&](std::size_t index, std::size_t) {
    std::string error;
    try {
      work(index);
    } catch (const Error& failure) {
      if (!options.skip_failures) throw;
      error = failure.what();
    }
    const std::lock_guard lock(mutex);
    if (!error.empty()) failures.push_back({index, std::move(error)});
    if (options.progress) options.progress(++done, count);
  });
  std::sort(failures.begin(), failures.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  return failures;
}

namespace {

void check_lengths(const std::vector<std::string>& from, const std::vector<std::string>& to) {
  if (from.size() == to.size()) return;
  throw Error(
      Exit::kUsage,
      "There are " + std::to_string(from.size()) + " input paths and " + std::to_string(to.size()) + " output paths",
      "", "ValueError");
}

}  // namespace

std::vector<BulkFailure> Storage::copy_files(const std::vector<std::string>& from, const std::vector<std::string>& to,
                                             const BulkOptions& options) {
  check_lengths(from, to);
  return each(from.size(), options, [&](std::size_t i) { copy_file(from[i], to[i]); });
}

std::vector<BulkFailure> Storage::move_files(const std::vector<std::string>& from, const std::vector<std::string>& to,
                                             const BulkOptions& options) {
  check_lengths(from, to);
  return each(from.size(), options, [&](std::size_t i) { move_file(from[i], to[i]); });
}

std::vector<BulkFailure> Storage::delete_files(const std::vector<std::string>& paths, const BulkOptions& options) {
  return each(paths.size(), options, [&](std::size_t i) { delete_file(paths[i]); });
}

}  // namespace fm::media
