#include "cloud/arrow_store.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string_view>

#include "base/error.h"
#include "cloud/encoding.h"
#include "cloud/status.h"
#include "media/retry.h"

namespace fm::cloud {

using media::Content;
using media::ObjectFacts;

namespace {

constexpr std::int64_t kRead = std::int64_t{8} << 20;

// A stream that is dropped without Close publishes what it has.
class Stream {
 public:
  Stream(std::shared_ptr<arrow::io::OutputStream> stream, std::function<void()> clean)
      : stream_(std::move(stream)), clean_(std::move(clean)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (closed_) return;
    try {
      (void)stream_->Flush();  // parts under way
      (void)stream_->Abort();
      if (clean_) clean_();
    } catch (const std::exception&) {
      // What ended the writing is told.
    }
  }
  void write(std::string_view part, const std::string& doing) {
    check(stream_->Write(part.data(), static_cast<std::int64_t>(part.size())), doing);
  }
  void close(const std::string& doing) {
    check(stream_->Close(), doing);
    closed_ = true;
  }

 private:
  std::shared_ptr<arrow::io::OutputStream> stream_;
  std::function<void()> clean_;
  bool closed_ = false;
};

// The library of Azure throws where an answer is not what it expects.
template <class Work>
auto guarded(const std::string& doing, const Work& work) {
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail(arrow::Status::IOError(error.what()), doing);
  }
}

std::shared_ptr<const arrow::KeyValueMetadata> metadata_of(const media::Attributes& attributes) {
  auto out = std::make_shared<arrow::KeyValueMetadata>();
  out->Append("Content-Type", attributes.content_type);
  if (!attributes.cache_control.empty()) out->Append("Cache-Control", attributes.cache_control);
  if (!attributes.storage_class.empty()) out->Append("storageClass", attributes.storage_class);
  for (const auto& [name, value] : attributes.metadata) out->Append(name, value);
  return out;
}

// What can be a line of a request as it is.
bool plain(const std::string& text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return printable && !text.starts_with(' ') && !text.ends_with(' ');
}

template <class Work>
auto again(int attempts, const std::string& doing, const Work& work) {
  return media::retried(attempts, [&] { return guarded(doing, work); });
}

void take_metadata(const arrow::KeyValueMetadata& metadata, ObjectFacts& out) {
  for (std::int64_t i = 0; i < metadata.size(); ++i) {
    const auto& key = metadata.key(i);
    const auto& value = metadata.value(i);
    if (key == "ETag" || key == "etag") out.etag = unquoted(value);
    if (key == "md5Hash" || key == "Content-Hash") out.md5 = hex_of_base64(value);
    if (key == "crc32c") out.crc32c = hex_of_base64(value);
    if (key == "Content-Type") out.content_type = value;
  }
}

}  // namespace

ArrowStore::ArrowStore(Traits traits, std::function<FileSystems(const std::string& bucket)> open)
    : traits_(std::move(traits)), open_(std::move(open)) {}

std::string ArrowStore::doing(const char* verb, const std::string& key) const {
  return traits_.name + ", " + verb + " '" + key + "'";
}

std::optional<ObjectFacts> ArrowStore::stat(const std::string& key) {
  return again(traits_.attempts, doing("looking at", key), [&]() -> std::optional<ObjectFacts> {
    auto opened = at(key).one->OpenInputFile(key);
    if (!opened.ok()) {
      if (is_not_found(opened.status())) return std::nullopt;
      fail(opened.status(), doing("looking at", key));
    }
    const auto& file = *opened;
    ObjectFacts out;
    out.size = check(file->GetSize(), doing("looking at", key));
    const auto metadata = check(file->ReadMetadata(), doing("looking at", key));
    if (metadata) take_metadata(*metadata, out);
    return out;
  });
}

std::optional<ObjectFacts> ArrowStore::put(const std::string& key, const Content& content,
                                           const media::Attributes& attributes) {
  return guarded(doing("writing", key), [&]() -> std::optional<ObjectFacts> {
    const auto text = doing("writing", key);
    const auto place = at(key);
    // One byte more than there should be tells a file that grew.
    const auto capacity = static_cast<std::size_t>(std::min(content.size + 1, media::kPartSize));
    const std::unique_ptr<char[]> buffer(new char[capacity]);
    const auto next = [&] { return std::string_view(buffer.get(), content.read(buffer.get(), capacity)); };
    auto part = next();  // what cannot be read opens no object
    auto& fs = content.size >= media::kPartSize ? *place.parts : *place.one;
    auto opened = check(fs.OpenOutputStream(key, metadata_of(attributes)), text);
    Stream stream(std::move(opened), [&] {
      if (!traits_.abort_discards) (void)fs.DeleteFile(key);
    });
    std::int64_t size = 0;
    while (!part.empty()) {
      size += static_cast<std::int64_t>(part.size());
      stream.write(part, text);
      if (part.size() < capacity || size > content.size) break;
      part = next();
    }
    if (size != content.size) throw Error(Exit::kFailed, "The content for '" + key + "' changed while it was read");
    stream.close(text);
    return std::nullopt;
  });
}

void ArrowStore::check_attributes(const media::Attributes& attributes) const {
  const auto refuse = [&](const std::string& what) { throw Error(Exit::kUsage, traits_.name + ": " + what); };
  if (!attributes.storage_class.empty() && !traits_.storage_class)
    refuse("objects cannot be given a storage class here");
  if (!attributes.metadata.empty() && !traits_.metadata) refuse("objects cannot be given metadata here");
  // Other names mean more to Arrow, and some services do not tell upper case from lower.
  const auto allowed = "abcdefghijklmnopqrstuvwxyz0123456789_" + traits_.metadata_names;
  for (const auto& [name, value] : attributes.metadata) {
    if (name.empty() || name.find_first_not_of(allowed) != std::string::npos || (name[0] >= '0' && name[0] <= '9')) {
      refuse("metadata cannot be named '" + name + "'; a name has the characters " + allowed +
             " and begins with a letter");
    }
    if (!plain(value)) refuse("metadata '" + name + "' is not of printable ASCII characters");
  }
  if (!plain(attributes.cache_control)) refuse("the cache control is not of printable ASCII characters");
  if (!plain(attributes.storage_class)) refuse("the storage class is not of printable ASCII characters");
}

void ArrowStore::get(const std::string& key, const std::function<void(std::string_view)>& sink) {
  const auto text = doing("reading", key);
  std::shared_ptr<arrow::io::InputStream> stream;
  auto buffer = again(traits_.attempts, text, [&] {
    stream = check(at(key).one->OpenInputStream(key), text);
    return check(stream->Read(kRead), text);
  });
  while (buffer->size() != 0) {
    sink({reinterpret_cast<const char*>(buffer->data()), static_cast<std::size_t>(buffer->size())});
    buffer = guarded(text, [&] { return check(stream->Read(kRead), text); });
  }
}

void ArrowStore::list(const std::string& folder, bool recursive, const std::function<void(const Entry&)>& visit) {
  arrow::fs::FileSelector selector;
  selector.base_dir = folder;
  selector.recursive = recursive || !traits_.lists_folders;
  selector.allow_not_found = true;
  const auto found = again(traits_.attempts, doing("listing", folder),
                           [&] { return check(at(folder).one->GetFileInfo(selector), doing("listing", folder)); });
  const auto start = folder.empty() ? 0 : folder.size() + 1;
  std::set<std::string> folders;
  for (const auto& info : found) {
    const auto slash = info.path().find('/', start);
    if (selector.recursive && !recursive && slash != std::string::npos) {
      const auto path = info.path().substr(0, slash);
      if (folders.insert(path).second) visit({path, 0, true});
    } else if (info.type() == arrow::fs::FileType::File) {
      const auto since = info.mtime().time_since_epoch();
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
      visit({info.path(), info.size(), false, info.mtime() == arrow::fs::kNoTime ? -1 : ms});
    } else if (info.type() == arrow::fs::FileType::Directory && !recursive) {
      visit({info.path(), 0, true});
    }
  }
}

void ArrowStore::copy(const std::string& from, const std::string& to) {
  return again(traits_.attempts, doing("copying", from),
               [&] { check(at(to).one->CopyFile(from, to), doing("copying", from)); });
}

void ArrowStore::remove(const std::string& key) {
  return again(traits_.attempts, doing("deleting", key), [&] {
    const auto status = at(key).one->DeleteFile(key);
    if (!status.ok() && !is_not_found(status)) fail(status, doing("deleting", key));
  });
}

}  // namespace fm::cloud
