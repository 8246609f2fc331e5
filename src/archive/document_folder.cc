#include "archive/document_folder.h"

#include <algorithm>
#include <filesystem>

#include "archive/files.h"
#include "archive/scan.h"
#include "base/error.h"

namespace fm::archive {

namespace fs = std::filesystem;

DocumentFolder::DocumentFolder(const std::string& path, std::size_t batch_bytes)
    : path_(path), batch_bytes_(batch_bytes) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with('.') || !name.ends_with(".json")) continue;
    names_.push_back(name);
    total_bytes_ += static_cast<std::int64_t>(entry.file_size(error));
  }
  if (error) throw unreadable(path, error.value());
  std::sort(names_.begin(), names_.end());
}

bool DocumentFolder::next(TextBatch& batch) {
  batch.text.clear();
  batch.slices.clear();
  batch.files.clear();
  batch.file = path_;
  batch.offset = 0;
  batch.first = static_cast<std::int64_t>(next_);
  while (next_ < names_.size() && batch.text.size() < batch_bytes_) {
    const auto file = path_ + "/" + names_[next_++];
    const auto content = read_whole(file);
    const auto begin = skip_space(content, 0);
    DocumentScan scan;
    const bool object = begin < content.size() && content[begin] == '{';
    const auto end = object ? scan.run(content, begin) : begin;
    if (!scan.done() || skip_space(content, end) != content.size()) {
      throw Error(Exit::kMismatch, file + ": not one JSON object, at byte " + std::to_string(end),
                  "The archive is damaged or incomplete: export it again.");
    }
    batch.slices.push_back({batch.text.size() + begin, end - begin});
    batch.files.push_back(file);
    batch.text += content;
  }
  batch.bytes = static_cast<std::int64_t>(batch.text.size());
  batch.text.append(kTextPadding, ' ');
  return !batch.slices.empty();
}

}  // namespace fm::archive
