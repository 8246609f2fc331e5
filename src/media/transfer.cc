#include "media/transfer.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "media/content_type.h"
#include "media/object_copy.h"
#include "media/retry.h"
#include "media/scene.h"

namespace fm::media {

using namespace std::chrono_literals;

using State = FileResult::State;

namespace {

constexpr int kAttempts = 5;
constexpr auto kFirstPause = 500ms;

// What goes wrong for one file alone, and may go right the next time.
class Changed : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

bool md5_like(const std::string& etag) {
  return etag.size() >= 32 && etag.find_first_not_of("0123456789abcdef-") == std::string::npos;
}

// Only S3 makes its ETags from parts.
bool in_parts(FileSystem system) { return system == FileSystem::kS3 || system == FileSystem::kMinio; }

// What a transfer throws when it is told to stop within a large file.
constexpr const char* kStopped = "Stopped";

FileState state_of_object(const ObjectFacts& facts) { return {facts.size, 0, facts.etag}; }

// What is sent of one file: at the rate that is allowed, and counted, each byte
// once however often it is tried.
class Sent {
 public:
  Sent(std::atomic<std::int64_t>& total, std::int64_t size, Bandwidth& bandwidth, const std::atomic<bool>& stopped)
      : total_(total),
        bandwidth_(bandwidth),
        stopped_(stopped),
        part_(part_size(size)),
        reached_(static_cast<std::size_t>(part_count(size)), 0) {}

  Content count(Content content) {
    content.read = [this, read = std::move(content.read)](char* buffer, std::size_t capacity) {
      const auto n = passed(read(buffer, capacity));
      add(static_cast<std::int64_t>(n));
      return n;
    };
    if (!content.read_at) return content;
    content.read_at = [this, read_at = std::move(content.read_at)](std::int64_t offset, char* buffer,
                                                                   std::size_t capacity) {
      const auto n = passed(read_at(offset, buffer, capacity));
      // A part is sent by one thread at a time; where there is no more is none.
      const auto part = static_cast<std::size_t>(offset / part_);
      if (n > 0 && part < reached_.size()) {
        const auto end = offset + static_cast<std::int64_t>(n);
        add(std::max<std::int64_t>(0, end - std::max(offset, reached_[part])));
        reached_[part] = std::max(reached_[part], end);
      }
      return n;
    };
    return content;
  }
  void take_back() { total_ -= own_; }
  std::int64_t bytes() const { return own_; }

 private:
  // Small files go to their end; of large ones no more is sent once it is over.
  std::size_t passed(std::size_t n) {
    bandwidth_.take(static_cast<std::int64_t>(n), stopped_);
    if (stopped_ && reached_.size() > 1) throw Error(Exit::kUnreachable, "stopped before its end", "", kStopped);
    return n;
  }
  void add(std::int64_t n) {
    total_ += n;
    own_ += n;
  }
  std::atomic<std::int64_t>& total_;
  Bandwidth& bandwidth_;
  const std::atomic<bool>& stopped_;
  std::atomic<std::int64_t> own_ = 0;
  std::int64_t part_;
  std::vector<std::int64_t> reached_;
};

// Refers to the text.
Content content_of(const std::string& text) {
  auto at = std::make_shared<std::size_t>(0);
  Content out;
  out.size = static_cast<std::int64_t>(text.size());
  out.read = [&text, at](char* buffer, std::size_t capacity) {
    const auto n = std::min(capacity, text.size() - *at);
    std::copy_n(text.data() + *at, n, buffer);
    *at += n;
    return n;
  };
  return out;
}

template <class Hash>
std::string hash_of(std::string_view text, bool parts) {
  ContentHash<Hash> hash(static_cast<std::int64_t>(text.size()), parts);
  hash.update(text);
  return hash.finish();
}

}  // namespace

Transfer::Transfer(UploadPlan& plan, const UploadRequest& request, Stores& stores, Manifest* manifest)
    : plan_(plan),
      request_(request),
      stores_(stores),
      manifest_(manifest),
      results_(plan.files.size()),
      bandwidth_(request.bandwidth) {}

Attributes Transfer::attributes(const std::string& path) const {
  auto out = request_.attributes;
  out.content_type = content_type_of(path);
  return out;
}

Location Transfer::place(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return plan_.files[index].remote;
}

std::string Transfer::remote_path(std::size_t index) const { return place(index).path(); }

FileResult Transfer::result(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return results_[index];
}

bool Transfer::done(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return results_[index].done();
}

void Transfer::stop() {
  stopped_ = true;
  const std::lock_guard lock(mutex_);
  ended_.notify_all();
}

FileResult Transfer::run(std::size_t index) {
  FileResult result;
  try {
    result = attempt(index);
  } catch (...) {
    stop();
    throw;
  }
  const std::lock_guard lock(mutex_);
  results_[index] = result;
  ended_.notify_all();
  return result;
}

FileResult Transfer::attempt(std::size_t index) {
  auto& store = stores_.at(place(index));
  for (int attempt = 0;; ++attempt) {
    const bool last = attempt + 1 >= kAttempts || stopped_;
    try {
      const auto& file = plan_.files[index];
      return file.scene ? upload_scene(index, store) : file.source.local() ? upload(index, store) : copy(index, store);
    } catch (const Changed& error) {
      if (last) return {State::kFailed, error.what()};
    } catch (const Error& error) {
      if (error.type() == kStopped) return {State::kFailed, error.what()};
      if (error.code() == Exit::kUnreachable && last) throw;
      const bool of_this_file =
          error.type() == "OSError" || (error.code() != Exit::kRights && error.code() != Exit::kNotFound);
      if (error.code() != Exit::kUnreachable) {
        if (!of_this_file) throw;
        return {State::kFailed, error.what()};
      }
    }
    std::this_thread::sleep_for(backoff(attempt, kFirstPause));
  }
}

bool Transfer::settle(std::size_t index, ObjectStore& store, const Same& same) {
  while (true) {
    const auto key = place(index).key;
    {
      const std::lock_guard lock(mutex_);
      if (!plan_.present.contains(key)) return false;
    }
    if (const auto facts = store.stat(key); facts && same(key, *facts)) return true;
    if (request_.overwrite) return false;
    if (request_.on_clash == UploadRequest::Clash::kError) {
      throw Error(Exit::kFailed, "Something else is at '" + remote_path(index) + "'", "", "OSError");
    }
    const std::lock_guard lock(mutex_);
    for (int n = 2;; ++n) {
      const auto other = numbered(key, n);
      if (plan_.present.contains(other) || !plan_.taken.insert(other).second) continue;
      plan_.clashes.push_back(
          {plan_.files[index].local, plan_.files[index].remote.path(), plan_.files[index].remote.root + other});
      plan_.files[index].remote.key = other;
      break;
    }
  }
}

Transfer::Confirmed Transfer::confirm(ObjectStore& store, const Location& place, std::optional<ObjectFacts> answer,
                                      const Hashes& local) {
  const auto& key = place.key;
  const auto facts = answer ? std::move(answer) : store.stat(key);
  if (!facts) throw Changed("The store says that it has '" + key + "' and then that it has not");
  if (facts->size != local.size) {
    throw Changed("'" + key + "' has " + std::to_string(facts->size) + " bytes in the store instead of " +
                  std::to_string(local.size));
  }
  Confirmed out{"size", ""};
  bool read_back = request_.verify_full;
  if (!facts->sha256.empty()) {
    if (facts->sha256 != local.sha256()) throw Changed("'" + key + "' has another SHA-256 in the store");
    out = {"sha256", facts->etag};
  } else if (!facts->md5.empty()) {
    if (facts->md5 != local.md5(false)) throw Changed("'" + key + "' has another MD5 in the store");
    out = {"md5", ""};
  } else if (md5_like(facts->etag)) {
    // A store that encrypts with a key of its own has ETags that are no MD5.
    const bool same = facts->etag == local.md5(in_parts(place.system));
    if (same) out = {"etag", facts->etag};
    read_back = read_back || !same;
  }
  if (!read_back) return out;
  if (sha256_of(store, key, local.size) != local.sha256()) {
    throw Changed("'" + key + "' has another content in the store");
  }
  return {"read", out.etag};
}

std::optional<FileResult> Transfer::there(std::size_t index, const FileState& state, ObjectStore& store,
                                          const Same& same, std::string& unfinished) {
  const auto& local = plan_.files[index].local;
  const auto entry = manifest_ ? manifest_->find(local) : std::nullopt;
  const bool ours = entry && entry->remote == remote_path(index);
  if (ours && entry->uploaded && entry->state == state) {
    const auto found = plan_.present.find(place(index).key);
    if (found != plan_.present.end() && found->second == state.size) {
      bytes_kept_ += state.size;
      return FileResult{State::kKnown, ""};
    }
  }
  if (!ours && settle(index, store, same)) {
    bytes_kept_ += state.size;
    if (manifest_) manifest_->add(local, {remote_path(index), state, "", "", "adopted", true});
    return FileResult{State::kAdopted, ""};
  }
  if (ours) unfinished = entry->upload;
  if (manifest_) manifest_->add(local, {remote_path(index), state, "", "", "", false, unfinished});
  return std::nullopt;
}

FileResult Transfer::upload(std::size_t index, ObjectStore& store) {
  const auto local = plan_.files[index].local;
  LocalFile file(local);
  const Same same = [&](const std::string& key, const ObjectFacts& facts) {
    if (facts.size != file.state().size) return false;
    if (!facts.md5.empty()) return facts.md5 == file.md5(false);
    const bool parts = facts.etag.find('-') != std::string::npos;
    if (md5_like(facts.etag) && facts.etag == file.md5(parts)) return true;
    return sha256_of(store, key, facts.size) == file.sha256();
  };
  std::string unfinished;
  if (auto known = there(index, file.state(), store, same, unfinished)) return *known;
  const auto target = place(index);
  Sent sent(bytes_done_, file.state().size, bandwidth_, stopped_);
  try {
    auto content = sent.count(file.content(in_parts(target.system)));
    content.unfinished = unfinished;
    if (manifest_) {
      content.begun = [&](const std::string& upload) {
        manifest_->add(local, {target.path(), file.state(), "", "", "", false, upload});
      };
    }
    auto answer = store.put(target.key, content, attributes(local));
    if (!file.unchanged()) throw Changed("'" + local + "' changed while it was uploaded");
    const Hashes hashes{file.state().size, [&] { return file.sha256(); }, [&](bool parts) { return file.md5(parts); }};
    const auto confirmed = confirm(store, target, std::move(answer), hashes);
    bytes_kept_ += file.state().size - sent.bytes();
    if (manifest_) {
      manifest_->add(local, {target.path(), file.state(), file.sha256(), confirmed.etag, confirmed.how, true});
    }
  } catch (const Error& error) {
    sent.take_back();
    if (error.code() == Exit::kFailed && !file.unchanged()) throw Changed(error.what());
    throw;
  } catch (...) {
    sent.take_back();
    throw;
  }
  return {State::kUploaded, ""};
}

// Of what a store copies itself only the size is compared, and MD5 where both
// say it: it has had no chance to be spoiled on its way. verify_full reads both.
FileResult Transfer::copy(std::size_t index, ObjectStore& store) {
  const auto& planned = plan_.files[index];
  auto& origin = stores_.at(planned.source);
  const auto& key = planned.source.key;
  const auto found = origin.stat(key);
  if (!found) return {State::kFailed, "it is not there any more"};
  const auto state = state_of_object(*found);
  std::optional<std::string> read;  // its SHA-256
  const auto sha256 = [&] { return read ? *read : *(read = sha256_of(origin, key, state.size)); };
  const Same same = [&](const std::string& other, const ObjectFacts& facts) {
    if (facts.size != state.size) return false;
    if (!facts.md5.empty() && !found->md5.empty()) return facts.md5 == found->md5;
    return sha256_of(store, other, facts.size) == sha256();
  };
  std::string unfinished;
  if (auto known = there(index, state, store, same, unfinished)) return *known;
  const auto target = place(index);
  Sent sent(bytes_done_, state.size, bandwidth_, stopped_);
  try {
    const bool within = within_store({origin, key}, state.size, {store, target.key});
    ContentHash<Sha256> sha(state.size, true);
    ContentHash<Md5> md5(state.size, in_parts(target.system));
    auto answer =
        copy_object({origin, key}, state.size, {store, target.key}, attributes(target.key), [&](Content content) {
          content.read = [&, next = std::move(content.read)](char* buffer, std::size_t capacity) {
            const auto n = next(buffer, capacity);
            sha.update({buffer, n});
            md5.update({buffer, n});
            return n;
          };
          return sent.count(std::move(content));
        });
    Hashes hashes{state.size, sha256, [&](bool) { return found->md5; }};
    if (!within) {
      read = sha.finish();
      hashes.md5 = [sum = md5.finish()](bool) { return sum; };
    }
    const auto after = origin.stat(key);
    if (!after || state_of_object(*after) != state) {
      throw Changed("'" + planned.local + "' changed while it was copied");
    }
    const auto confirmed =
        within ? confirm_copy(store, target, *found, hashes) : confirm(store, target, std::move(answer), hashes);
    bytes_kept_ += state.size - sent.bytes();
    if (manifest_) {
      manifest_->add(planned.local, {target.path(), state, read.value_or(""), confirmed.etag, confirmed.how, true});
    }
  } catch (...) {
    sent.take_back();
    throw;
  }
  return {State::kCopied, ""};
}

Transfer::Confirmed Transfer::confirm_copy(ObjectStore& store, const Location& place, const ObjectFacts& from,
                                           const Hashes& hashes) {
  auto facts = store.stat(place.key);
  if (facts) {
    facts->etag.clear();  // may be another one for the same content
    if (from.md5.empty()) facts->md5.clear();
  }
  return confirm(store, place, std::move(facts), hashes);
}

bool Transfer::wait_for_assets(std::size_t index) {
  std::unique_lock lock(mutex_);
  const auto& assets = plan_.files[index].assets;
  ended_.wait(lock, [&] {
    return stopped_ || std::all_of(assets.begin(), assets.end(), [&](auto i) { return results_[i].done(); });
  });
  return std::all_of(assets.begin(), assets.end(), [&](auto i) { return results_[i].good(); });
}

std::string Transfer::scene_content(std::size_t index) {
  const auto& source = plan_.files[index].source;
  std::string text;
  stores_.at(source).get(source.key, [&](std::string_view bytes) { text += bytes; });
  const auto own = remote_path(index);
  const auto own_folder = own.substr(0, own.find_last_of('/') + 1);
  return with_assets(text, [&](const std::string& name) {
    const auto asset = stores_.beside(source, name);
    const auto found = plan_.by_local.find(asset.path());
    if (found == plan_.by_local.end() && asset.local()) return name;
    const auto remote = found == plan_.by_local.end() ? asset.path() : remote_path(found->second);
    return remote.starts_with(own_folder) ? remote.substr(own_folder.size()) : remote;
  });
}

FileResult Transfer::upload_scene(std::size_t index, ObjectStore& store) {
  if (!wait_for_assets(index)) return {State::kFailed, "an asset of this scene failed"};
  const auto& local = plan_.files[index].local;
  const auto& state = plan_.files[index].state;
  const auto text = scene_content(index);
  const auto target = place(index);
  const auto entry = manifest_ ? manifest_->find(local) : std::nullopt;
  const bool ours = entry && entry->remote == target.path();
  if (plan_.present.contains(target.key)) {
    const auto facts = store.stat(target.key);
    const bool same = facts && facts->size == static_cast<std::int64_t>(text.size()) &&
                      sha256_of(store, target.key, facts->size) == hash_of<Sha256>(text, true);
    if (same) return {ours ? State::kKnown : State::kAdopted, ""};
    if (!ours && !request_.overwrite) {
      throw Error(Exit::kFailed, "Something else is at '" + target.path() + "'", "", "OSError");
    }
  }
  if (manifest_) manifest_->add(local, {target.path(), state, "", "", "", false});
  auto answer = store.put(target.key, content_of(text), attributes(local));
  const Hashes hashes{static_cast<std::int64_t>(text.size()), [&] { return hash_of<Sha256>(text, true); },
                      [&](bool parts) { return hash_of<Md5>(text, parts); }};
  const auto confirmed = confirm(store, target, std::move(answer), hashes);
  bytes_done_ += state.size;
  if (manifest_) {
    manifest_->add(local, {target.path(), state, hashes.sha256(), confirmed.etag, confirmed.how, true});
  }
  return {State::kUploaded, ""};
}

}  // namespace fm::media
