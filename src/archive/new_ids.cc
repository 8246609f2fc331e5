#include "archive/new_ids.h"

#include <algorithm>
#include <cstring>

#include "archive/id_text.h"
#include "base/hash.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Oid;
using bson::Value;

namespace {

constexpr std::size_t kHexLength = 24;
constexpr std::size_t kTimeBytes = 4;

KeySet::Key key_of(const std::uint8_t* oid) {
  KeySet::Key key{};
  std::copy_n(oid, sizeof(Oid::bytes), key.begin());
  return key;
}

void collect_from(bson_iter_t& at, std::string& keys) {
  while (bson_iter_next(&at)) {
    if (BSON_ITER_HOLDS_OID(&at)) {
      if (std::string_view(bson_iter_key(&at)) != "_id") continue;
      const auto key = key_of(bson_iter_oid(&at)->bytes);
      keys.append(reinterpret_cast<const char*>(key.data()), key.size());
    } else if (bson_iter_t inner;
               (BSON_ITER_HOLDS_DOCUMENT(&at) || BSON_ITER_HOLDS_ARRAY(&at)) && bson_iter_recurse(&at, &inner)) {
      collect_from(inner, keys);
    }
  }
}

// The finaliser of MurmurHash3.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

bool has_quote_or_is_id(std::string_view text) {
  return text.size() >= kHexLength && (text.size() == kHexLength || text.find('"') != std::string_view::npos);
}

// `text` for strings; ids under the key `_id` are renewed without being looked up where `own` holds.
class Edit {
 public:
  Edit(const NewIds& ids, bool own) : ids_(ids), own_(own) {}

  void document(Document& document) const {
    for (auto& [key, item] : document) {
      if (key.size() == kHexLength) {
        if (auto renewed = ids_.known(key)) key = std::move(*renewed);
      }
      value(item, own_ && key == "_id");
    }
  }

 private:
  void value(Value& value, bool is_own_id) const {
    if (auto* inner = value.as<Document>()) {
      document(*inner);
    } else if (auto* list = value.as<Array>()) {
      for (auto& item : *list) this->value(item, false);
    } else if (const auto* oid = value.as<Oid>()) {
      if (is_own_id) {
        value = ids_.renewed(*oid);
      } else if (const auto renewed = ids_.known(*oid)) {
        value = *renewed;
      }
    } else if (const auto* text = value.as<std::string>()) {
      if (own_) {
        if (auto renewed = ids_.known(*text)) value = std::move(*renewed);
      } else if (has_quote_or_is_id(*text)) {
        value = with_new_ids(ids_, *text);
      }
    }
  }

  const NewIds& ids_;
  bool own_;
};

}  // namespace

NewIds::NewIds(std::string_view seed) : round_keys_() {
  const auto digest = sha256(std::string(seed) + "new ids");
  static_assert(sizeof digest == sizeof round_keys_);
  std::memcpy(round_keys_.data(), digest.data(), sizeof round_keys_);
}

void NewIds::collect(std::string_view bson, std::string& keys) {
  const bson::View view(reinterpret_cast<const std::uint8_t*>(bson.data()), bson.size());
  bson_iter_t at;
  if (bson_iter_init(&at, view.c())) collect_from(at, keys);
}

void NewIds::know(std::string_view keys) {
  KeySet::Key key;
  for (std::size_t at = 0; at < keys.size(); at += key.size()) {
    std::memcpy(key.data(), keys.data() + at, key.size());
    ids_.add(key);
  }
}

// A Feistel network of four rounds over the eight bytes behind the time: it can be
// undone, so no two ids become one.
Oid NewIds::renewed(const Oid& id) const {
  std::array<std::uint32_t, 2> half{};
  std::memcpy(half.data(), id.bytes + kTimeBytes, sizeof half);
  for (const auto key : round_keys_) {
    half = {half[1], half[0] ^ static_cast<std::uint32_t>(mix(key ^ half[1]))};
  }
  auto out = id;
  std::memcpy(out.bytes + kTimeBytes, half.data(), sizeof half);
  return out;
}

std::optional<Oid> NewIds::known(const Oid& id) const {
  if (!ids_.contains(key_of(id.bytes))) return std::nullopt;
  return renewed(id);
}

std::optional<std::string> NewIds::known(std::string_view text) const {
  if (text.size() != kHexLength) return std::nullopt;
  const auto id = Oid::from_hex(text);
  const auto renewed = id && id->hex() == text ? known(*id) : std::nullopt;
  return renewed ? std::optional(renewed->hex()) : std::nullopt;
}

void NewIds::edit_member(Document& document, bool frames) const {
  // Also where the sample is not there, or got its id on the way.
  const auto* sample = frames ? document.find("_sample_id") : nullptr;
  const auto* id = sample ? sample->as<Oid>() : nullptr;
  const auto owner = id ? std::optional(renewed(*id)) : std::nullopt;
  Edit(*this, true).document(document);
  if (owner) document.set("_sample_id", *owner);
}

void NewIds::edit_document(Document& document) const { Edit(*this, false).document(document); }

}  // namespace fm::archive
