#include "exec/guard.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "plan/plan.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kGuardedKeyBytes = std::size_t{64} << 10;

// {_id, $jsonSchema: {enum: [<as read>]}}, made of the bytes as they came. The
// server compares the encoded documents. {$expr: {$eq: ["$$ROOT", {$literal}]}}
// makes values of both first and takes it half as long again, and MongoDB 5.0
// fails on it; a condition for each key takes longer still, for planning.
bson::Bytes whole_guard(const Value& id, bson::View read) {
  bson::CDoc filter(Document{{"_id", id}});
  bson_t schema;
  bson_t list;
  bson_append_document_begin(filter.out(), "$jsonSchema", -1, &schema);
  bson_append_array_begin(&schema, "enum", -1, &list);
  bson_append_document(&list, "0", -1, read.c());
  bson_append_array_end(&schema, &list);
  bson_append_document_end(filter.out(), &schema);
  return bson::Bytes(filter.get());
}

}  // namespace

bson::Bytes guard(const Value& id, const bson::Bytes& bytes, const Document& after) {
  if (bytes.size() <= kWholeGuardBytes) return whole_guard(id, bson::View(bytes));
  const auto read = bytes.decode();
  Document filter{{"_id", id}};
  const auto same = [&](const std::string& key) {
    const auto* value = read.find(key);
    if (!value) {
      filter.append(key, Document{{"$exists", false}});
    } else if (bson::encoded_size(Document{{key, *value}}) <= kGuardedKeyBytes) {
      filter.append(key, Document{{"$eq", *value}});
    }
  };
  const auto compare = [&](const std::string& key, const Value* other) {
    const auto* old = read.find(key);
    if (key != "_id" && key != "version" && key.find('.') == std::string::npos && !(old && other && *old == *other)) {
      same(key);
    }
  };
  same("version");
  for (const auto& [key, value] : after) compare(key, &value);
  for (const auto& [key, value] : read) {
    if (!after.has(key)) compare(key, nullptr);
  }
  return bson::encode(filter);
}

bson::Bytes parked(const bson::Bytes& before) {
  const std::string_view text = kParkedVersion;
  const auto version = bson::View(before).get_string("version");
  if (!version) {
    auto dataset = before.decode();
    dataset.set("version", text);
    return bson::encode(dataset);
  }
  // The text between its length and its zero byte gives way; the rest, which may
  // be megabytes, stays as it is.
  const auto put_length = [](std::string& out, std::size_t at, std::size_t length) {
    const std::uint32_t little = BSON_UINT32_TO_LE(static_cast<std::uint32_t>(length));
    std::memcpy(out.data() + at, &little, sizeof little);
  };
  const auto begin = static_cast<std::size_t>(version->data() - reinterpret_cast<const char*>(before.data()));
  std::string out(reinterpret_cast<const char*>(before.data()), before.size());
  out.replace(begin, version->size(), text);
  put_length(out, begin - 4, text.size() + 1);
  put_length(out, 0, out.size());
  return bson::Bytes(std::move(out));
}

}  // namespace fm
