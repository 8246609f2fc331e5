#include "media/object_copy.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "media/content_hash.h"

namespace fm::media {

namespace {

// Larger objects cannot be copied by one request of S3.
constexpr std::int64_t kLargestCopy = std::int64_t{5} << 30;

// From a store that pushes to one that pulls: a few pieces wait between them.
class Pipe {
 public:
  // False once nobody reads any more.
  bool push(std::string_view bytes) {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return broken_ || waiting_.size() < kMost; });
    if (broken_) return false;
    waiting_.append(bytes);
    moved_.notify_all();
    return true;
  }
  void end(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    failure_ = std::move(failure);
    moved_.notify_all();
  }
  void break_off() {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    moved_.notify_all();
  }
  std::size_t read(char* buffer, std::size_t capacity) {
    std::unique_lock lock(mutex_);
    std::size_t size = 0;
    while (size < capacity) {
      moved_.wait(lock, [&] { return ended_ || !waiting_.empty(); });
      if (waiting_.empty()) {
        if (failure_) std::rethrow_exception(failure_);
        break;
      }
      const auto n = std::min(capacity - size, waiting_.size());
      std::copy_n(waiting_.data(), n, buffer + size);
      waiting_.erase(0, n);
      size += n;
      moved_.notify_all();
    }
    return size;
  }

 private:
  static constexpr std::size_t kMost = std::size_t{16} << 20;
  std::mutex mutex_;
  std::condition_variable moved_;
  std::string waiting_;
  bool ended_ = false;
  bool broken_ = false;
  std::exception_ptr failure_;
};

class Broken : public std::exception {};

}  // namespace

std::string sha256_of(ObjectStore& store, const std::string& key, std::int64_t size) {
  ContentHash<Sha256> hash(size);
  store.get(key, [&](std::string_view bytes) { hash.update(bytes); });
  return hash.finish();
}

bool within_store(const StoredAt& from, std::int64_t size, const StoredAt& to) {
  return &from.store == &to.store && size < kLargestCopy;
}

std::optional<ObjectFacts> copy_object(const StoredAt& from, std::int64_t size, const StoredAt& to,
                                       const Attributes& attributes, const std::function<Content(Content)>& pass) {
  if (within_store(from, size, to)) {
    to.store.copy(from.key, to.key);
    return std::nullopt;
  }
  Pipe pipe;
  std::thread reader([&] {
    std::exception_ptr failure;
    try {
      from.store.get(from.key, [&](std::string_view bytes) {
        if (!pipe.push(bytes)) throw Broken();
      });
    } catch (...) {
      failure = std::current_exception();
    }
    pipe.end(failure);
  });
  std::optional<ObjectFacts> answer;
  try {
    Content content;
    content.size = size;
    content.read = [&](char* buffer, std::size_t capacity) { return pipe.read(buffer, capacity); };
    answer = to.store.put(to.key, pass ? pass(std::move(content)) : content, attributes);
  } catch (...) {
    pipe.break_off();
    reader.join();
    throw;
  }
  pipe.break_off();
  reader.join();
  return answer;
}

}  // namespace fm::media
