// What bounds the memory of uploads in parts: Arrow copies each part and hands
// the copy to its threads, however many wait there already. Here the allocation
// of a part waits until another one is sent.
#pragma once

#include <arrow/memory_pool.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "media/object_store.h"

namespace fm::cloud {

class PartMemory final : public arrow::ProxyMemoryPool {
 public:
  explicit PartMemory(int parts) : ProxyMemoryPool(arrow::default_memory_pool()), left_(parts) {}

  arrow::Status Allocate(std::int64_t size, std::int64_t alignment, std::uint8_t** out) override {
    take(size);
    auto status = ProxyMemoryPool::Allocate(size, alignment, out);
    if (!status.ok()) give(size);
    return status;
  }
  arrow::Status Reallocate(std::int64_t old_size, std::int64_t new_size, std::int64_t alignment,
                           std::uint8_t** ptr) override {
    if (!counts(old_size)) take(new_size);
    auto status = ProxyMemoryPool::Reallocate(old_size, new_size, alignment, ptr);
    if (counts(old_size) != counts(new_size)) give(status.ok() ? old_size : new_size);
    return status;
  }
  void Free(std::uint8_t* buffer, std::int64_t size, std::int64_t alignment) override {
    ProxyMemoryPool::Free(buffer, size, alignment);
    give(size);
  }
  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

 private:
  static bool counts(std::int64_t size) { return size >= media::kPartSize; }
  void take(std::int64_t size) {
    if (!counts(size)) return;
    std::unique_lock lock(mutex_);
    free_.wait(lock, [&] { return left_ > 0; });
    --left_;
  }
  void give(std::int64_t size) {
    if (!counts(size)) return;
    const std::lock_guard lock(mutex_);
    ++left_;
    free_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable free_;
  int left_;
};

}  // namespace fm::cloud
