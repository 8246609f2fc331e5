// What two documents have different, by path.
#include "bson/difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "unit/bson_arbitrary.h"
#include "unit/json.h"

namespace fm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "+a" added, "-a" removed, "a" changed.
std::vector<std::string> shown(std::string_view before, std::string_view after) {
  const auto a = json(before);
  const auto b = json(after);
  std::vector<std::string> out;
  for (const auto& one : bson::differences(a, b)) {
    out.push_back((!one.before ? "+" : !one.after ? "-" : "") + one.path);
  }
  return out;
}

TEST(Differences, OfKeysWhateverTheirPlace) {
  EXPECT_THAT(shown(R"({"a": 1, "b": 2})", R"({"b": 2, "a": 1})"), IsEmpty());
  EXPECT_THAT(shown(R"({"a": 1, "b": 2})", R"({"b": 3, "c": 4})"), ElementsAre("-a", "b", "+c"));
  EXPECT_THAT(shown(R"({"a": {"b": {"c": 1, "d": 2}}})", R"({"a": {"b": {"c": 1}}})"), ElementsAre("-a.b.d"));
}

TEST(Differences, TypesCount) {
  EXPECT_THAT(shown(R"({"a": 1})", R"({"a": 1.0})"), ElementsAre("a"));
  EXPECT_THAT(shown(R"({"a": {}})", R"({"a": []})"), ElementsAre("a"));
  EXPECT_THAT(shown(R"({"a": null})", "{}"), ElementsAre("-a"));
}

TEST(Differences, NamedElementsGoByName) {
  EXPECT_THAT(
      shown(R"({"f": [{"name": "x", "v": 1}, {"name": "y"}]})", R"({"f": [{"name": "y"}, {"name": "x", "v": 2}]})"),
      ElementsAre("f.x.v"));
  EXPECT_THAT(shown(R"({"f": [{"name": "x"}]})", R"({"f": [{"name": "z"}, {"name": "x"}]})"), ElementsAre("+f.z"));
}

TEST(Differences, OtherListsByIndexOrAsOne) {
  EXPECT_THAT(shown(R"({"f": [1, 2, 3]})", R"({"f": [1, 5, 3]})"), ElementsAre("f.1"));
  EXPECT_THAT(shown(R"({"f": [1, 2, 3]})", R"({"f": [1, 2]})"), ElementsAre("f"));
  // A name twice is no name to go by.
  EXPECT_THAT(shown(R"({"f": [{"name": "x"}, {"name": "x"}]})", R"({"f": [{"name": "x"}]})"), ElementsAre("f"));
}

RC_GTEST_PROP(Differences, NoneBetweenADocumentAndItself, ()) {
  const auto document = *arbitrary::document();
  RC_ASSERT(bson::differences(document, bson::Document(document)).empty());
}

}  // namespace
}  // namespace fm
