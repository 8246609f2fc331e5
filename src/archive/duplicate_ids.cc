#include "archive/duplicate_ids.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "bson/document.h"

namespace fm::archive {

using bson::Oid;

namespace {

using Key = KeySet::Key;
constexpr std::size_t kOidBytes = sizeof(Oid::bytes);
constexpr std::uint32_t kHashed = 0xFFFFFFFF;   // no number of a frame
constexpr std::uint32_t kMissing = 0xFFFFFFFE;  // nor this

// An ObjectId and a number; any other value is hashed.
Key key_of(const std::optional<bson::Value>& id, std::uint32_t number) {
  Key out{};
  if (const auto* oid = id ? id->as<Oid>() : nullptr) {
    std::copy_n(oid->bytes, kOidBytes, out.begin());
    std::memcpy(out.data() + kOidBytes, &number, sizeof number);
    return out;
  }
  bson::Document hashed{{"number", static_cast<std::int64_t>(number)}};
  if (id) hashed.append("id", *id);
  const auto bytes = bson::encode(hashed);
  const auto digest = sha256({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  std::copy_n(digest.begin(), kOidBytes, out.begin());
  std::memcpy(out.data() + kOidBytes, &kHashed, sizeof kHashed);
  return out;
}

Key key_of_none() {
  Key out{};
  std::memcpy(out.data() + kOidBytes, &kMissing, sizeof kMissing);
  return out;
}

std::uint32_t number_of(const Key& key) {
  std::uint32_t out = 0;
  std::memcpy(&out, key.data() + kOidBytes, sizeof out);
  return out;
}

constexpr std::size_t kHalf = 8;
using Half = std::array<std::uint8_t, kHalf>;

Half half_of(const Key& key) {
  Half out;
  std::copy_n(key.begin(), kHalf, out.begin());
  return out;
}

Key owner_of(const Key& number, const Key& id) {
  Key out;
  auto* to = out.data();
  for (const auto* key : {&number, &id}) {
    const auto digest = sha256({reinterpret_cast<const char*>(key->data()), key->size()});
    std::copy_n(digest.begin(), kHalf, to);
    to += kHalf;
  }
  return out;
}

std::string id_text(const Key& key) {
  if (number_of(key) == kHashed) return "one that is no ObjectId";
  Oid id;
  std::copy_n(key.begin(), kOidBytes, id.bytes);
  return "ObjectId('" + id.hex() + "')";
}

}  // namespace

void refuse_duplicate(bool frames, const std::string& key) {
  // Only for an _id there is a choice.
  throw Error(Exit::kMismatch,
              std::string(frames ? "Two frames" : "Two samples") + " of the archive have the same key: " + key,
              key.starts_with("{ _id:") ? "--on-conflict skip keeps the first of them, replace the last."
                                        : "Remove one of them from the archive.");
}

void DuplicateIds::collect(std::string_view bson, std::string& keys) {
  const bson::View view(reinterpret_cast<const std::uint8_t*>(bson.data()), bson.size());
  const auto number = view.get("frame_number");
  const auto integer = number ? number->integer() : std::nullopt;
  const auto id = view.get("_id");
  for (const auto& key : {id ? key_of(id, 0) : key_of_none(),
                          key_of(view.get("_sample_id"), static_cast<std::uint32_t>(integer.value_or(0)))}) {
    keys.append(reinterpret_cast<const char*>(key.data()), key.size());
  }
}

void DuplicateIds::take(std::string_view keys, std::int64_t documents) {
  Key id;
  Key number;
  for (std::int64_t i = 0; i < documents; ++i) {
    const auto* at = keys.data() + static_cast<std::size_t>(2 * i) * id.size();
    std::memcpy(id.data(), at, id.size());
    if (number_of(id) != kMissing) ids_.add(id);  // else it gets one of its own
    if (!frames_) continue;
    std::memcpy(number.data(), at + id.size(), number.size());
    numbers_.add(number);
    owners_.add(owner_of(number, id));
  }
}

std::int64_t DuplicateIds::count(bool refuse) {
  std::int64_t out = 0;
  ids_.seal();
  ids_.repeated([&](const Key& key) {
    if (refuse) refuse_duplicate(frames_, "{ _id: " + id_text(key) + " }");
    ++out;
  });
  numbers_.seal();
  owners_.seal();
  std::set<Half> shared;
  std::optional<Key> last;
  owners_.each([&](const Key& key) {
    if (last && key != *last && half_of(key) == half_of(*last)) shared.insert(half_of(key));
    last = key;
  });
  // Different pairs may have the same half of a hash.
  numbers_.repeated([&](const Key& key) {
    if (!shared.contains(half_of(owner_of(key, {})))) return;
    refuse_duplicate(frames_,
                     "{ _sample_id: " + id_text(key) + ", frame_number: " + std::to_string(number_of(key)) + " }");
  });
  return out;
}

}  // namespace fm::archive
