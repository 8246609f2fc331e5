// Steps written as JSON, run on documents written as JSON.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ops/operation.h"
#include "unit/json.h"

namespace fm {

inline ops::Step parse(std::string_view text, int line = 0) { return ops::parse_step(json(text), line); }

inline const bson::Oid kDatasetId = *bson::Oid::from_hex("0123456789abcdef01234567");
constexpr std::int64_t kNow = 1'700'000'000'123;

// A context with everything an operation may ask for.
class StepRunner {
  ops::IdGenerator ids_{kNow, "seed"};

 public:
  ops::Context context{
      bson::Value(kDatasetId), kNow, ids_, [this](const std::string& collection, const bson::Value& id) {
        const auto* oid = id.as<bson::Oid>();
        const auto found = others.find({collection, oid ? oid->hex() : shown(bson::Document{{"", id}})});
        return found == others.end() ? std::nullopt : std::optional(found->second);
      }};
  // Documents of other collections, by collection and hexadecimal _id.
  std::map<std::pair<std::string, std::string>, bson::Document> others;

  StepRunner() {
    context.revision = "1.2.3";
    context.dataset_name = "pictures";
  }

  bson::Document run(const ops::Step& step, bson::Document doc) {
    ops::apply(step, doc, context);
    return doc;
  }
  bson::Document run(std::string_view step, std::string_view doc) { return run(parse(step), json(doc)); }

  // "app_config.x: 1 -> 2, behind 'w', lost"
  std::vector<std::string> displaced() const {
    const auto text = [](const bson::Value& value) {
      const auto whole = bson::to_relaxed_json(bson::Document{{"", value}});
      return whole.substr(7, whole.size() - 9);
    };
    std::vector<std::string> out;
    for (const auto& one : context.displaced) {
      std::string line = one.path + ": " + text(one.before) + " -> " + (one.left ? text(*one.left) : "gone");
      if (!one.preceding_key.empty()) line += ", behind '" + one.preceding_key + "'";
      if (one.lost) line += ", lost";
      out.push_back(std::move(line));
    }
    return out;
  }
  std::vector<std::string> messages() const {
    std::vector<std::string> out;
    for (const auto& message : context.messages) out.push_back(message.text);
    return out;
  }
};

}  // namespace fm
