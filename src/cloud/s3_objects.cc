#include "cloud/s3_objects.h"

#include <arrow/io/interfaces.h>
#include <arrow/util/thread_pool.h>

#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>

#include "base/error.h"
#include "cloud/encoding.h"
#include "cloud/status.h"

namespace fm::cloud {

using media::Attributes;
using media::Content;
using media::ObjectFacts;

namespace {

// work(0) ... work(count - 1) on Arrow's threads for input and output, which are
// as many as connections. After a failure no further one begins; rethrows it.
void side_by_side(std::int64_t count, const std::function<void(std::int64_t)>& work) {
  std::mutex mutex;
  std::condition_variable ended;
  std::int64_t left = count;
  std::exception_ptr failure;
  const auto end = [&](std::exception_ptr error) {
    const std::lock_guard lock(mutex);
    if (error && !failure) failure = std::move(error);
    if (--left == 0) ended.notify_all();
  };
  auto* threads = arrow::io::default_io_context().executor();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto started = threads->Spawn([&, i] {
      std::exception_ptr error;
      try {
        {
          const std::lock_guard lock(mutex);
          if (failure) throw Error(Exit::kFailed, "another part failed");
        }
        work(i);
      } catch (...) {
        error = std::current_exception();
      }
      end(std::move(error));
    });
    if (!started.ok()) end(std::make_exception_ptr(Error(Exit::kFailed, started.message())));
  }
  std::unique_lock lock(mutex);
  ended.wait(lock, [&] { return left == 0; });
  if (failure) std::rethrow_exception(failure);
}

S3Request request(const char* method, const std::string& key, std::map<std::string, std::string> query = {}) {
  return {method, "", encoded_path("/" + key), std::move(query), {}, content_sha256("")};
}

S3Body range(const Content& content, std::int64_t start, std::int64_t size) {
  return {size, [&content, start](std::int64_t offset, char* buffer, std::size_t capacity) {
            return content.read_at(start + offset, buffer, capacity);
          }};
}

S3Body text_body(const std::string& text) {
  return {static_cast<std::int64_t>(text.size()), [&text](std::int64_t offset, char* buffer, std::size_t capacity) {
            return text.copy(buffer, capacity, std::min(static_cast<std::size_t>(offset), text.size()));
          }};
}

// The next bytes of content that comes in order: fewer at its end.
std::string next(const Content& content, std::int64_t size) {
  std::string out(static_cast<std::size_t>(size), '\0');
  out.resize(content.read(out.data(), out.size()));
  return out;
}

// Refers to the bytes.
Content in_memory(const std::string& bytes) {
  Content out;
  out.size = static_cast<std::int64_t>(bytes.size());
  out.read_at = text_body(bytes).read;
  out.part_sha256 = [&bytes](std::int64_t) { return sha256(bytes); };
  return out;
}

[[noreturn]] void another_size(const std::string& key) {
  throw Error(Exit::kFailed, "The content for '" + key + "' changed while it was read");
}

bool is_lost_upload(const Error& error) {
  return std::string_view(error.what()).find("NoSuchUpload") != std::string_view::npos;
}

void describe(S3Request& request, const Attributes& attributes) {
  request.headers["content-type"] = attributes.content_type;
  if (!attributes.cache_control.empty()) request.headers["cache-control"] = attributes.cache_control;
  if (!attributes.storage_class.empty()) request.headers["x-amz-storage-class"] = attributes.storage_class;
  for (const auto& [name, value] : attributes.metadata) request.headers["x-amz-meta-" + name] = value;
}

// The hash in the header stands for the content in the signature: a store that
// knows checksums hashes once.
void name_content(S3Request& request, const std::string& sha256) {
  request.headers["x-amz-checksum-sha256"] = base64(sha256);
  request.content_sha256 = kUnsigned;
}

}  // namespace

std::optional<ObjectFacts> S3Objects::put(const std::string& key, const Content& content, const Attributes& attributes,
                                          const std::string& doing) {
  char more = 0;
  if (content.read_at && content.read_at(content.size, &more, 1) != 0) another_size(key);
  if (content.size >= media::kPartSize) return put_parts(key, content, attributes, doing);
  if (!content.unfinished.empty()) abort(key, content.unfinished, doing);
  if (content.read_at) return put_whole(key, content, attributes, doing);
  const auto bytes = next(content, content.size + 1);  // one byte more than there should be
  if (static_cast<std::int64_t>(bytes.size()) != content.size) another_size(key);
  return put_whole(key, in_memory(bytes), attributes, doing);
}

std::optional<ObjectFacts> S3Objects::put_whole(const std::string& key, const Content& content,
                                                const Attributes& attributes, const std::string& doing) {
  auto put = request("PUT", key);
  describe(put, attributes);
  name_content(put, content.part_sha256(0));
  const auto answer = requests_.exchange(std::move(put), range(content, 0, content.size), doing);
  if (answer.etag.empty() && answer.sha256.empty()) return std::nullopt;
  return ObjectFacts{content.size, answer.etag, "", "", answer.sha256, attributes.content_type};
}

std::optional<ObjectFacts> S3Objects::put_parts(const std::string& key, const Content& content,
                                                const Attributes& attributes, const std::string& doing) {
  std::optional<std::map<std::int64_t, Part>> there;
  if (!content.unfinished.empty()) there = parts_of(key, content.unfinished, doing);
  const auto upload = there ? content.unfinished : begin(key, attributes, doing);
  if (!there) there.emplace();
  try {
    if (content.begun) content.begun(upload);
    if (!content.read_at) {
      return complete(key, upload, send_in_order(key, upload, content, doing), content.size, doing);
    }
    std::vector<Part> parts(static_cast<std::size_t>(media::part_count(content.size)));
    side_by_side(static_cast<std::int64_t>(parts.size()), [&](std::int64_t part) {
      parts[static_cast<std::size_t>(part)] = put_part(key, upload, content, part, *there, doing);
    });
    return complete(key, upload, parts, content.size, doing);
  } catch (const Error& error) {
    if (error.code() != Exit::kUnreachable || !content.begun) abort(key, upload, doing);
    throw;
  } catch (...) {
    abort(key, upload, doing);
    throw;
  }
}

std::string S3Objects::begin(const std::string& key, const Attributes& attributes, const std::string& doing) {
  auto post = request("POST", key, {{"uploads", ""}});
  describe(post, attributes);
  post.headers["x-amz-checksum-algorithm"] = "SHA256";
  auto upload = element(requests_.exchange(std::move(post), {}, doing).body, "UploadId");
  if (upload.empty()) throw Error(Exit::kFailed, doing + ": the store's answer names no upload");
  return upload;
}

std::optional<std::map<std::int64_t, S3Objects::Part>> S3Objects::parts_of(const std::string& key,
                                                                           const std::string& upload,
                                                                           const std::string& doing) {
  std::map<std::int64_t, Part> out;
  std::string after = "0";
  while (true) {
    std::string page;
    try {
      page = requests_.exchange(request("GET", key, {{"part-number-marker", after}, {"uploadId", upload}}), {}, doing)
                 .body;
    } catch (const Error& error) {
      if (is_lost_upload(error)) return std::nullopt;
      throw;
    }
    for (auto at = page.find("<Part>"); at != std::string::npos; at = page.find("<Part>", at + 1)) {
      const auto part = page.substr(at, page.find("</Part>", at) - at);
      out[std::atoll(element(part, "PartNumber").c_str())] = {
          unquoted(element(part, "ETag")), element(part, "ChecksumSHA256"), std::atoll(element(part, "Size").c_str())};
    }
    const auto next = element(page, "NextPartNumberMarker");
    if (element(page, "IsTruncated") != "true" || next.empty() || next == after) return out;
    after = next;
  }
}

std::vector<S3Objects::Part> S3Objects::send_in_order(const std::string& key, const std::string& upload,
                                                      const Content& content, const std::string& doing) {
  std::vector<Part> out;
  std::string bytes;
  for (auto left = content.size; left > 0; left -= static_cast<std::int64_t>(bytes.size())) {
    const auto size = std::min(left, media::part_size(content.size));
    bytes = next(content, size);
    if (static_cast<std::int64_t>(bytes.size()) != size) another_size(key);
    const auto number = static_cast<std::int64_t>(out.size()) + 1;
    out.push_back(put_bytes(key, upload, number, sha256(bytes), text_body(bytes), doing));
  }
  if (!next(content, 1).empty()) another_size(key);
  return out;
}

S3Objects::Part S3Objects::put_bytes(const std::string& key, const std::string& upload, std::int64_t number,
                                     const std::string& sha256, const S3Body& body, const std::string& doing) {
  auto put = request("PUT", key, {{"partNumber", std::to_string(number)}, {"uploadId", upload}});
  name_content(put, sha256);
  const auto answer = requests_.exchange(std::move(put), body, doing);
  return {answer.etag, answer.sha256 == hex(sha256) ? base64(sha256) : "", body.size};
}

S3Objects::Part S3Objects::put_part(const std::string& key, const std::string& upload, const Content& content,
                                    std::int64_t part, const std::map<std::int64_t, Part>& there,
                                    const std::string& doing) {
  const auto start = part * media::part_size(content.size);
  const auto size = std::min(media::part_size(content.size), content.size - start);
  const auto sha256 = content.part_sha256(part);
  const auto found = there.find(part + 1);
  if (found != there.end() && found->second.size == size && found->second.sha256 == base64(sha256)) {
    return found->second;
  }
  return put_bytes(key, upload, part + 1, sha256, range(content, start, size), doing);
}

void S3Objects::abort(const std::string& key, const std::string& upload, const std::string& doing) {
  try {
    (void)requests_.exchange(request("DELETE", key, {{"uploadId", upload}}), {}, doing);
  } catch (const Error&) {
    // What ended the writing is told.
  }
}

std::optional<ObjectFacts> S3Objects::complete(const std::string& key, const std::string& upload,
                                               const std::vector<Part>& parts, std::int64_t size,
                                               const std::string& doing) {
  std::string xml = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    xml += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>\"" + parts[i].etag + "\"</ETag>";
    if (!parts[i].sha256.empty()) xml += "<ChecksumSHA256>" + parts[i].sha256 + "</ChecksumSHA256>";
    xml += "</Part>";
  }
  xml += "</CompleteMultipartUpload>";
  auto post = request("POST", key, {{"uploadId", upload}});
  post.headers["content-type"] = "application/xml";
  post.content_sha256 = content_sha256(xml);
  try {
    const auto body = requests_.exchange(std::move(post), text_body(xml), doing).body;
    const auto whole = element(body, "ChecksumSHA256");
    if (whole.empty()) return std::nullopt;
    const auto dash = whole.find('-');
    return ObjectFacts{size,
                       unquoted(element(body, "ETag")),
                       "",
                       "",
                       hex_of_base64(whole) + (dash == std::string::npos ? "" : whole.substr(dash)),
                       ""};
  } catch (const Error& error) {
    // Done, and the answer was lost: stat() tells.
    if (is_lost_upload(error)) return std::nullopt;
    throw;
  }
}

void S3Objects::remove(const std::string& key, const std::string& doing) {
  (void)requests_.exchange(request("DELETE", key), {}, doing);
}

}  // namespace fm::cloud
