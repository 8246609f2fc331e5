#include "archive/file_names.h"

#include <algorithm>

#include "archive/paths.h"

namespace fm::archive {

namespace {

// As os.path.splitext: a dot that begins a base name begins no extension.
std::size_t extension_at(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto base = slash == std::string::npos ? 0 : slash + 1;
  const auto dot = path.rfind('.');
  if (dot == std::string::npos || dot < base) return path.size();
  const auto first = path.find_first_not_of('.', base);
  return first == std::string::npos || first > dot ? path.size() : dot;
}

}  // namespace

FileNames::FileNames(std::string folder, std::optional<std::string> rel_dir, std::size_t chunk_size)
    : folder_(std::move(folder)), rel_dir_(std::move(rel_dir)), chunk_size_(rel_dir_ ? 0 : chunk_size) {}

FileNames::Name FileNames::name(const std::string& input) {
  const auto known = by_input_.find(input);
  if (known != by_input_.end()) return {known->second, false};
  auto file = input.substr(input.rfind('/') + 1);
  if (rel_dir_) file = below(input, *rel_dir_).value_or(file);
  const auto dot = extension_at(file);
  auto stem = file.substr(0, dot);
  auto extension = file.substr(dot);
  std::replace(stem.begin(), stem.end(), '%', '-');
  extension = extension.substr(0, extension.find('?'));
  file = stem + extension;
  auto& count = counts_[file];
  auto chosen = ++count > 1 ? stem + "-" + std::to_string(count) + extension : file;
  while (used_.contains(chosen)) chosen = stem + "-" + std::to_string(++count) + extension;
  used_.insert(chosen);
  auto path = folder_ + "/";
  if (chunk_size_ > 0) {
    path += folder_.substr(folder_.rfind('/') + 1) + "_" + std::to_string(given_ / chunk_size_) + "/";
  }
  ++given_;
  path += chosen;
  by_input_.emplace(input, path);
  return {std::move(path), true};
}

}  // namespace fm::archive
