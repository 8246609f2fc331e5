// Conditions of revisions, on documents and as queries.
#include "ops/predicate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "unit/json.h"

namespace fm {
namespace {

using ops::Predicate;
using testing::ElementsAre;
using testing::HasSubstr;

struct Row {
  const char* where;
  std::vector<const char*> matching;
  std::vector<const char*> others;
};

TEST(Predicate, Matches) {
  const std::vector<Row> rows = {
      {R"({})", {R"({})", R"({"a": 1})"}, {}},
      {R"({"a": 1})",
       {R"({"a": 1})"},
       {R"({"a": {"$numberLong": "1"}})", R"({"a": 1.0})", R"({"a": [1]})", R"({"b": 1})", R"({})"}},
      {R"({"a": null})", {R"({"a": null})"}, {R"({})", R"({"a": [null]})", R"({"a": false})"}},
      {R"({"a": [1, 2]})", {R"({"a": [1, 2]})"}, {R"({"a": [2, 1]})", R"({"a": [[1, 2]]})"}},
      {R"({"a.b": "x"})", {R"({"a": {"b": "x"}})"}, {R"({"a": [{"b": "x"}]})", R"({"a.b": "x"})", R"({"a": "x"})"}},
      {R"({"a": 1, "b": 2})", {R"({"b": 2, "a": 1})"}, {R"({"a": 1})", R"({"a": 1, "b": 1})"}},
      {R"({"a": {"not": 1}})", {R"({"a": 2})", R"({})", R"({"a": 1.0})"}, {R"({"a": 1})"}},
      {R"({"a": {"in": [1, "x"]}})", {R"({"a": 1})", R"({"a": "x"})"}, {R"({"a": 2})", R"({})", R"({"a": [1]})"}},
      {R"({"a": {"not_in": [1, "x"]}})", {R"({"a": 2})", R"({})"}, {R"({"a": 1})", R"({"a": "x"})"}},
      {R"({"a": {"exists": true}})", {R"({"a": null})"}, {R"({})", R"({"b": {"a": 1}})"}},
      {R"({"a": {"exists": false}})", {R"({})"}, {R"({"a": null})"}},
      {R"({"a": {"null": true}})", {R"({})", R"({"a": null})"}, {R"({"a": 0})", R"({"a": [null]})"}},
      {R"({"a": {"null": false}})", {R"({"a": 0})", R"({"a": []})"}, {R"({})", R"({"a": null})"}},
      {R"({"a": {"truthy": true}})",
       {R"({"a": 1})", R"({"a": "x"})", R"({"a": [null]})", R"({"a": {"b": null}})",
        R"({"a": {"$oid": "000000000000000000000000"}})"},
       {R"({})", R"({"a": null})", R"({"a": 0})", R"({"a": 0.0})", R"({"a": ""})", R"({"a": []})", R"({"a": {}})",
        R"({"a": false})"}},
      {R"({"a": {"truthy": false}})", {R"({})", R"({"a": ""})"}, {R"({"a": 1})"}},
      {R"({"a": {"type": "object"}})", {R"({"a": {}})"}, {R"({"a": []})", R"({})", R"({"a": null})"}},
      {R"({"a": {"type": "int"}})", {R"({"a": 1})"}, {R"({"a": 1.5})", R"({"a": {"$numberLong": "1"}})"}},
      {R"({"a": {"starts_with": "x."}})",
       {R"({"a": "x."})", R"({"a": "x.y"})"},
       {R"({"a": "xy"})", R"({"a": "ax."})", R"({"a": 1})", R"({})"}},
      {R"({"a": {"ends_with": ".log"}})",
       {R"({"a": ".log"})", R"({"a": "x.log"})"},
       {R"({"a": "x.log2"})", R"({"a": "xlog"})", R"({"a": 1})", R"({})"}},
      {R"({"f": {"has": {"name": "id", "k": {"exists": true}}}})",
       {R"({"f": [1, {"name": "x"}, {"name": "id", "k": null}]})"},
       {R"({"f": [{"name": "id"}]})", R"({"f": []})", R"({"f": {"name": "id", "k": 1}})", R"({})"}},
      {R"({"f": {"lacks": {"name": "id"}}})",
       {R"({"f": [{"name": "x"}]})", R"({"f": []})", R"({})", R"({"f": null})"},
       {R"({"f": [{"name": "id"}]})"}},
      {R"({"f": {"truthy": true, "lacks": {"name": "id"}}})",
       {R"({"f": [1]})"},
       {R"({"f": []})", R"({"f": [{"name": "id"}]})"}},
      {R"({"any": [{"a": 1}, {"b": 1, "c": 1}]})", {R"({"a": 1})", R"({"b": 1, "c": 1})"}, {R"({"b": 1})", R"({})"}},
      {R"({"any": []})", {}, {R"({})"}},
      {R"({"any": [{"a": 1}, {"b": 1}], "c": 1})", {R"({"a": 1, "c": 1})"}, {R"({"a": 1})"}},
  };
  for (const auto& row : rows) {
    const auto predicate = Predicate::parse(json(row.where));
    for (const auto* doc : row.matching) EXPECT_TRUE(predicate.matches(json(doc))) << row.where << " on " << doc;
    for (const auto* doc : row.others) EXPECT_FALSE(predicate.matches(json(doc))) << row.where << " on " << doc;
  }
}

TEST(Predicate, RefusesUnknownConditionsAndWrongArguments) {
  const auto refusal = [](std::string_view where) -> std::string {
    try {
      Predicate::parse(json(where));
      return "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::kUsage);
      return error.what();
    }
  };
  EXPECT_THAT(refusal(R"({"a.b": {"like": 1}})"), HasSubstr("unknown condition 'like' on 'a.b'"));
  EXPECT_THAT(refusal(R"({"a": {"in": 1}})"), HasSubstr("'in' needs a list"));
  EXPECT_THAT(refusal(R"({"a": {"exists": 1}})"), HasSubstr("'exists' needs true or false"));
  EXPECT_THAT(refusal(R"({"a": {"ends_with": 1}})"), HasSubstr("'ends_with' needs a string"));
  EXPECT_THAT(refusal(R"({"a": {"type": null}})"), HasSubstr("'type' needs a string"));
  EXPECT_THAT(refusal(R"({"a": {"has": []}})"), HasSubstr("'has' needs a mapping"));
  EXPECT_THAT(refusal(R"({"any": {}})"), HasSubstr("'any' needs a list"));
  EXPECT_THAT(refusal(R"({"any": [1]})"), HasSubstr("'any' needs a list of mappings"));
}

TEST(Predicate, KnowsWhatItReads) {
  EXPECT_TRUE(Predicate().always());
  EXPECT_TRUE(Predicate::parse(json("{}")).always());
  const auto predicate =
      Predicate::parse(json(R"({"a.b": 1, "any": [{"c": 1}, {"d.e": {"exists": true}}], "f": {"has": {"name": 1}}})"));
  EXPECT_FALSE(predicate.always());
  EXPECT_THAT(predicate.reads(), ElementsAre("a", "c", "d", "f"));
}

TEST(Predicate, ConditionsWithoutAQuery) {
  EXPECT_EQ(Predicate().query(), bson::Document{});
  for (const char* where : {R"({"a": {"truthy": true}})", R"({"a": {"has": {"b": 1}}})",
                            R"({"a": 1, "b": {"truthy": false}})", R"({"any": [{"a": {"truthy": true}}]})"}) {
    EXPECT_EQ(Predicate::parse(json(where)).query(), std::nullopt) << where;
  }
}

}  // namespace
}  // namespace fm
