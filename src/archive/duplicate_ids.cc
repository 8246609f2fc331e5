#include "archive/duplicate_ids.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"
#include "bson/document.h"

namespace fm::archive {

using bson::Oid;

namespace {

using Key = KeySet::Key;
constexpr std::size_t kOidBytes = sizeof(Oid::bytes);
constexpr std::uint32_t kHashed = 0xFFFFFFFF;  // no number of a frame

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

std::uint32_t number_of(const Key& key) {
  std::uint32_t out = 0;
  std::memcpy(&out, key.data() + kOidBytes, sizeof out);
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
  throw Error(Exit::kMismatch,
              std::string(frames ? "Two frames" : "Two samples") + " of the archive have the same key: " + key,
              "--on-conflict skip keeps the first of them, replace the last.");
}

void DuplicateIds::collect(std::string_view bson, std::string& keys) {
  const bson::View view(reinterpret_cast<const std::uint8_t*>(bson.data()), bson.size());
  const auto number = view.get("frame_number");
  const auto integer = number ? number->integer() : std::nullopt;
  for (const auto& key :
       {key_of(view.get("_id"), 0), key_of(view.get("_sample_id"), static_cast<std::uint32_t>(integer.value_or(0)))}) {
    keys.append(reinterpret_cast<const char*>(key.data()), key.size());
  }
}

void DuplicateIds::take(std::string_view keys, std::int64_t documents) {
  Key key;
  for (std::int64_t i = 0; i < 2 * documents; ++i) {
    std::memcpy(key.data(), keys.data() + static_cast<std::size_t>(i) * key.size(), key.size());
    if (i % 2 == 0) {
      ids_.add(key);
    } else if (frames_) {
      numbers_.add(key);
    }
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
  if (refuse) {
    numbers_.repeated([&](const Key& key) {
      refuse_duplicate(frames_,
                       "{ _sample_id: " + id_text(key) + ", frame_number: " + std::to_string(number_of(key)) + " }");
    });
  }
  return out;
}

}  // namespace fm::archive
