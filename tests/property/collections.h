// Random documents of collections, stored on the test's server and read back.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "exec/ranges.h"
#include "ops/operation.h"
#include "property/private_mongod.h"
#include "unit/bson_arbitrary.h"
#include "unit/choice.h"
#include "unit/json.h"

namespace fm {

inline const bson::Oid kDatasetId = *bson::Oid::from_hex("0123456789abcdef01234567");
constexpr std::int64_t kNow = 1'700'000'000'123;

inline bson::Oid numbered_oid(int n) {
  bson::Oid id;
  for (int i = 0; i < 4; ++i) id.bytes[11 - i] = static_cast<std::uint8_t>(n >> (8 * i));
  return id;
}

// The server keeps the first of two equal keys or both, as it likes; it
// replaces a zero timestamp by the time.
inline bson::Value storable(bson::Value value) {
  const auto* raw = value.as<bson::Raw>();
  if (raw && raw->get().value_type == BSON_TYPE_TIMESTAMP && raw->get().value.v_timestamp.timestamp == 0)
    return bson::Null{};
  if (auto* list = value.as<bson::Array>()) {
    for (auto& item : *list) item = storable(std::move(item));
  } else if (auto* doc = value.as<bson::Document>()) {
    bson::Document out;
    for (auto& [key, item] : *doc) out.set(key, storable(std::move(item)));
    return out;
  }
  return value;
}

// Of every type, with any bytes in its text.
inline bson::Value any_value() { return storable(random_of(arbitrary::value(), below(30))); }

// For what stands in a filter: the driver takes no empty keys and only UTF-8 there.
inline bson::Value plain_value(int depth = 2) {
  switch (below(depth > 0 ? 12 : 10)) {
    case 0:
      return bson::Null{};
    case 1:
      return chance(50);
    case 2:
    case 3:
      return between<std::int32_t>(-2, 2);
    case 4:
      return between<std::int64_t>(-2, 2);
    case 5:
      return between<std::int32_t>(-4, 4) * 0.5;
    case 6:
    case 7:
      return pick<std::string>({"", "text", "$a", "k", "é"});
    case 8:
      return numbered_oid(below(3));
    case 9:
      return chance(50) ? bson::Value(bson::Date{kNow}) : bson::Value(bson::Binary{0, "x"});
    case 10: {
      bson::Array out;
      for (int i = below(3); i > 0; --i) out.append(plain_value(depth - 1));
      return out;
    }
    default: {
      bson::Document out;
      for (int i = below(3); i > 0; --i) out.set(pick<std::string>({"a", "b", "$c"}), plain_value(depth - 1));
      return out;
    }
  }
}

inline std::string any_key() {
  return chance(75) ? pick<std::string>({"x", "y", "label", "tags"}) : random_of(arbitrary::key(), below(20));
}

// A document with other keys before, between and behind the given ones.
inline bson::Document scattered(bson::Value id, std::vector<std::pair<std::string, bson::Value>> elements) {
  bson::Document out{{"_id", std::move(id)}};
  const auto others = [&] {
    while (chance(25)) {
      const auto key = any_key();
      if (!out.has(key)) out.append(key, any_value());
    }
  };
  while (!elements.empty()) {
    others();
    const auto at = below<std::size_t>(elements.size());
    if (!out.has(elements[at].first)) out.append(elements[at].first, std::move(elements[at].second));
    elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(at));
  }
  others();
  return out;
}

// Null, undefined, and other things that are nearly the value but not.
inline bson::Value near(const bson::Value& value) {
  bson_value_t undefined = {};
  undefined.value_type = BSON_TYPE_UNDEFINED;
  switch (below(9)) {
    case 0:
    case 1:
      return value;
    case 2:
      return bson::Null{};
    case 3:
      return bson::Raw(undefined);
    case 4:
      return bson::Array{value};
    case 5:
      return bson::Array{bson::Null{}};
    case 6:
      return bson::Document{{"", value}};
    case 7:
      if (const auto number = value.integer()) {
        if (!value.as<double>()) return static_cast<double>(*number);
        return *number;
      }
      return bson::Array();
    default:
      return any_value();
  }
}

inline void fill(const std::string& collection, const std::vector<bson::Document>& docs) {
  std::vector<bson::Value> old;
  auto& mongo = test_server();
  mongo.find(collection, {}, {}, [&](bson::View view) { old.push_back(*view.get("_id")); });
  mongo.remove(collection, old);
  RC_ASSERT(mongo.insert(collection, docs).empty());
}

// In the order they were inserted in.
inline std::vector<bson::Document> stored(const std::string& collection) {
  std::vector<bson::Document> out;
  test_server().find(collection, {}, {}, [&](bson::View view) { out.push_back(view.decode()); });
  return out;
}

inline void same(const std::vector<bson::Document>& server, const std::vector<bson::Document>& process,
                 const std::vector<bson::Document>& before) {
  RC_ASSERT(server.size() == process.size());
  for (std::size_t i = 0; i < server.size(); ++i) {
    if (server[i] == process[i]) continue;
    RC_LOG() << "before:     " << bson::shown(before[i]) << "\nserver:     " << bson::shown(server[i])
             << "\nin process: " << bson::shown(process[i]) << "\n";
    RC_FAIL("the server and the process disagree");
  }
}

inline void run_all(const std::vector<ops::Pass>& passes, std::int64_t range_size) {
  for (const auto& pass : passes) {
    PassSettings settings;
    settings.range_size = range_size;
    run_pass(test_server(), pass, settings);
  }
}

inline bson::Document wanted(const ops::Pass& pass) {
  bson::Array all;
  for (const auto* part : {&pass.filter, &pass.pending}) {
    if (!part->empty()) all.append(*part);
  }
  return all.empty() ? bson::Document() : bson::Document{{"$and", std::move(all)}};
}

inline std::string encoded(const bson::Value& value) {
  const auto bytes = bson::encode(bson::Document{{"", value}});
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::set<std::string> matching(const std::string& collection, const bson::Document& filter) {
  FindOptions options;
  options.projection = bson::Document{{"_id", 1}};
  std::set<std::string> out;
  test_server().find(collection, filter, options, [&](bson::View view) { out.insert(encoded(*view.get("_id"))); });
  return out;
}

// Draws new choices for every case.
class Properties : public testing::Test {
 protected:
  Properties() { begin_choices(); }
};

// ---- Labels with points of every shape.

inline bson::Value any_points(int depth) {
  switch (below(depth > 0 ? 10 : 4)) {
    case 0:
      return bson::Null{};
    case 1:
      return chance(50) ? bson::Value(std::int32_t{1}) : bson::Value(0.5);
    case 2:
      return chance(50) ? any_value() : bson::Value(bson::Array());
    case 3:
      return bson::Array();
    default: {
      bson::Array out;
      for (int i = between(1, 3); i > 0; --i) out.append(any_points(depth - 1));
      return out;
    }
  }
}

inline bson::Value any_label(int depth = 1) {
  if (chance(10)) return any_value();
  std::vector<std::pair<std::string, bson::Value>> elements;
  if (chance(90)) {
    elements.emplace_back(
        "_cls",
        chance(85) ? bson::Value(pick<std::string>({"Polyline", "Polyline", "Polylines", "Detection"})) : any_value());
  }
  if (chance(80)) elements.emplace_back("points", any_points(5));
  if (depth > 0 && chance(60)) {
    bson::Array list;
    for (int i = below(4); i > 0; --i) list.append(any_label(depth - 1));
    elements.emplace_back("polylines", chance(90) ? bson::Value(std::move(list)) : any_value());
  }
  auto out = scattered(numbered_oid(below(100)), std::move(elements));
  if (chance(50)) out.take("_id");
  return out;
}

}  // namespace fm
