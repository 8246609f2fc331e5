#include "bson/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace fm::bson {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const Document kSample{
    {"_id", *Oid::from_hex("5f3e9a2b0123456789abcdef")},
    {"int", 1},
    {"long", std::int64_t{1}},
    {"double", 1.5},
    {"whole", 2.0},
    {"text", std::string("a\0é", 4)},
    {"none", Null{}},
    {"yes", true},
    {"when", Date{1741527907120}},
    {"bytes", Binary{0, "xyz"}},
    {"in", Document{{"", Array{1, Document{}}}}},
    {"in", Array{}},
};

TEST(Json, CanonicalKeepsEverything) {
  std::string text = to_canonical_json(kSample);
  EXPECT_THAT(text, HasSubstr(R"("long" : { "$numberLong" : "1" })"));
  EXPECT_EQ(from_json(text), kSample);
}

TEST(Json, RelaxedIsShorter) {
  std::string text = to_relaxed_json(kSample);
  EXPECT_THAT(text, HasSubstr(R"("long" : 1,)"));
  EXPECT_THAT(text, HasSubstr(R"("when" : { "$date" : "2025-03-09T13:45:07.12)"));
}

TEST(Json, Numbers) {
  EXPECT_EQ(from_json(R"({"a": 1, "b": 12345678901, "c": 1.0})"),
            (Document{{"a", 1}, {"b", std::int64_t{12345678901}}, {"c", 1.0}}));
}

TEST(Json, QueriesAndPipelinesAreDocumentsToo) {
  EXPECT_EQ(from_json(R"({"$set": {"a.b": {"$type": "string"}}})"),
            (Document{{"$set", Document{{"a.b", Document{{"$type", "string"}}}}}}));
}

TEST(Json, RefusesWhatIsNotOneObject) {
  for (const char* text : {"", "  ", "{", "{}{}", "{} x", "{} {\"a\": 1}", "[1, 2]", "1", "\"a\"", "{a: 1}",
                           "{\"a\":1,}", "{\"a\": \"\xff\"}", R"({"a\u0000b": 1})", R"({"a": {"$oid": "x"}})"}) {
    try {
      from_json(text);
      ADD_FAILURE() << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Exit::kUsage) << text;
      EXPECT_STRNE(e.what(), "") << text;
    }
  }
  EXPECT_EQ(from_json(" \n{}\n "), Document());
}

TEST(Json, TextThatIsNotUtf8CannotBeWritten) {
  EXPECT_THAT([] { to_relaxed_json(Document{{"a", "\xff"}}); }, ThrowsMessage<Error>(HasSubstr("UTF-8")));
}

}  // namespace
}  // namespace fm::bson
