// Reading and writing what archives are made of: JSON, paths, names of files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <thread>

#include "archive/collection_file.h"
#include "archive/file_names.h"
#include "archive/json_reader.h"
#include "archive/json_writer.h"
#include "archive/media_writer.h"
#include "archive/paths.h"
#include "archive/pipeline.h"
#include "base/error.h"
#include "bson/json.h"
#include "unit/bson_arbitrary.h"

namespace fm::archive {
namespace {

using bson::Document;
using bson::Value;

Document read(const std::string& text) { return parse_document(text, "test.json"); }

std::string error_of(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST(JsonReader, PlainValues) {
  const auto doc = read(R"( {"i": 7, "l": 9007199254740993, "d": 2.0, "z": -0.0, "e": 1e-07, "t": true, "f": false,
      "n": null, "s": "quote\" \u00e9\u2028\ud83d\ude00", "a": [1, [], {}], "o": {"x": {"y": -1}}, "": 0, "$gt": 1} )");
  EXPECT_EQ(*doc.find("i"), Value(std::int32_t{7}));
  EXPECT_EQ(*doc.find("l"), Value(std::int64_t{9007199254740993}));
  EXPECT_EQ(*doc.find("d"), Value(2.0));
  EXPECT_EQ(*doc.find("z"), Value(-0.0));
  EXPECT_EQ(*doc.find("e"), Value(1e-07));
  EXPECT_EQ(*doc.find("s"), Value("quote\" \xC3\xA9\xE2\x80\xA8\xF0\x9F\x98\x80"));
  EXPECT_EQ(doc.find("a")->as<bson::Array>()->size(), 3U);
  EXPECT_EQ(*doc.find("$gt"), Value(std::int32_t{1}));
}

TEST(JsonReader, EveryDialect) {
  const auto oid = *bson::Oid::from_hex("6b03b0b1fc9652ab4a9228df");
  const bson::Binary binary{0, std::string("\0\x01\xFF", 3)};
  for (const auto* text :
       {R"({"b": {"$binary": "AAH/", "$type": "00"}})", R"({"b": {"$type": "00", "$binary": "AAH/"}})",
        R"({"b": {"$binary": {"base64": "AAH/", "subType": "00"}}})",
        R"({"b":{"$binary":{"subType":"0","base64":"AAH/"}}})"}) {
    EXPECT_EQ(*read(text).find("b"), Value(binary)) << text;
  }
  for (const auto* text :
       {R"({"d": {"$date": 1643860445789}})", R"({"d": {"$date": "2022-02-03T03:54:05.789Z"}})",
        R"({"d": {"$date": "2022-02-03T05:54:05.789123+02:00"}})",
        R"({"d": {"$date": {"$numberLong": "1643860445789"}}})", R"({"d": {"$date": "2022-02-03T01:54:05.789-0200"}})",
        R"({"d": {"$date": "2022-02-03T03:54:05.789"}})"}) {
    EXPECT_EQ(*read(text).find("d"), Value(bson::Date{1643860445789})) << text;
  }
  EXPECT_EQ(*read(R"({"d": {"$date": "1969-12-31T23:59:59Z"}})").find("d"), Value(bson::Date{-1000}));
  EXPECT_EQ(*read(R"({"o": {"$oid": "6b03b0b1fc9652ab4a9228df"}})").find("o"), Value(oid));
  EXPECT_EQ(*read(R"({"n": {"$numberLong": "5"}})").find("n"), Value(std::int64_t{5}));
  EXPECT_EQ(*read(R"({"n": {"$numberInt": "5"}})").find("n"), Value(std::int32_t{5}));
  EXPECT_EQ(*read(R"({"n": {"$numberDouble": "5"}})").find("n"), Value(5.0));
  for (const auto* text : {R"({"n": NaN})", R"({"n": [NaN]})", R"({"n": {"$numberDouble": "NaN"}})"}) {
    const auto doc = read(text);
    const auto* value = doc.find("n");
    if (const auto* list = value->as<bson::Array>()) value = &(*list)[0];
    EXPECT_TRUE(std::isnan(*value->as<double>())) << text;
  }
  const auto infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(*read(R"({"n":-Infinity,"m":Infinity})").find("n"), Value(-infinity));
  EXPECT_EQ(*read(R"({"n": {"$numberDouble": "Infinity"}})").find("n"), Value(infinity));
  EXPECT_EQ(read(R"({"u": {"$uuid": "00112233-4455-6677-8899-aabbccddeeff"}})").find("u")->as<bson::Binary>()->subtype,
            4);
  for (const auto* text :
       {R"({"v": {"$numberDecimal": "1.5"}})", R"({"v": {"$minKey": 1}})", R"({"v": {"$timestamp": {"t": 1, "i": 2}}})",
        R"({"v": {"$regularExpression": {"pattern": "a", "options": "i"}}})"}) {
    EXPECT_EQ(read(text), bson::from_json(text)) << text;
  }
}

TEST(JsonReader, ObjectsOfDataWithDollars) {
  const auto doc = read(R"({"f": {"$eq": ["$$this.label", "cat"]}, "t": {"$type": "x"}, "a.b": {"c.d": 1}})");
  EXPECT_EQ(*doc.find("f")->as<Document>()->find("$eq")->as<bson::Array>(), (bson::Array{"$$this.label", "cat"}));
  EXPECT_EQ(*doc.find("t")->as<Document>()->find("$type"), Value("x"));
}

TEST(JsonReader, TheLastOfEqualKeysInThePlaceOfTheFirst) {
  EXPECT_EQ(read(R"({"a": 1, "b": {"x": 1, "y": 2, "x": 3}, "a": 2})"),
            (Document{{"a", 2}, {"b", Document{{"x", 3}, {"y", 2}}}}));
}

TEST(JsonReader, AnErrorIsNotWhereADocumentBeforeEnded) {
  JsonReader reader;
  std::string out;
  const auto append = [&](std::string text) {
    const auto size = text.size();
    text.append(kTextPadding, ' ');
    reader.append(std::string_view(text).substr(0, size), out);
  };
  append(R"({"a": 1, "b": 2, "a long one": {"c": [1, 2, 3]}})");
  try {
    append(R"({""a": 1})");
    FAIL();
  } catch (const JsonError& error) {
    EXPECT_LE(error.offset(), 9U);
  }
}

TEST(JsonReader, WhatIsWrongAndWhere) {
  EXPECT_THAT(error_of(R"({"a": 99999999999999999999})"), testing::HasSubstr("64 bits"));
  EXPECT_THAT(error_of(R"({"a": 18446744073709551615})"), testing::HasSubstr("64 bits"));
  EXPECT_THAT(error_of(R"({"abc": {"$oid": "xyz"}})"), testing::HasSubstr("at byte 8"));
  EXPECT_NE(error_of(R"({"a": 1e400})"), "none");
  EXPECT_NE(error_of(R"({"a": "\ud800"})"), "none");
  EXPECT_NE(error_of(R"({"a\u0000b": 1})"), "none");
  EXPECT_NE(error_of(R"({"a": 1,})"), "none");
  EXPECT_NE(error_of(R"({"a": 1)"), "none");
  EXPECT_NE(error_of(R"({"a": 1} {)"), "none");
  EXPECT_NE(error_of(R"({"a": 1} x)"), "none");
  EXPECT_NE(error_of(R"({"a" 1})"), "none");
  EXPECT_NE(error_of(R"({"a": nul})"), "none");
  EXPECT_NE(error_of(R"({"a": NaNa})"), "none");
  EXPECT_NE(error_of(R"({"a": 01})"), "none");
  EXPECT_NE(error_of("[1]"), "none");
  EXPECT_NE(error_of(""), "none");
  EXPECT_NE(error_of("{\"a\": \"\xFF\"}"), "none");
  EXPECT_NE(error_of(R"({"a": {"b": 1, "$oid": "6b03b0b1fc9652ab4a9228df"}})"), "none");
  EXPECT_NE(error_of(R"({"a": {"$oid": "6b03b0b1fc9652ab4a9228df", "b": 1}})"), "none");
  EXPECT_NE(error_of(R"({"a": {"$date": "yesterday"}})"), "none");
  EXPECT_NE(error_of(R"({"a": {"$binary": "A", "$type": "00"}})"), "none");
  const auto deep = std::string(300, '[') + std::string(300, ']');
  EXPECT_THAT(error_of("{\"a\": " + deep + "}"), testing::HasSubstr("levels deep"));
}

class CollectionFileTest : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    auto path = testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::vector<std::string> documents(const std::string& text, std::size_t batch = 1) {
    CollectionFile file(write(text), "samples", batch);
    std::vector<std::string> out;
    TextBatch one;
    while (file.next(one)) {
      EXPECT_EQ(one.first, static_cast<std::int64_t>(out.size()));
      for (std::size_t i = 0; i < one.slices.size(); ++i) {
        out.emplace_back(one.document(i));
        EXPECT_EQ(text.substr(static_cast<std::size_t>(one.offset) + one.slices[i].begin, one.slices[i].size),
                  out.back());
      }
    }
    return out;
  }
  std::string error(const std::string& text) {
    try {
      documents(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
};

TEST_F(CollectionFileTest, CutsDocuments) {
  const std::string text = "  {\"samples\" : [ {\"a\": \"}]\\\"{\"}\n,{\"b\": [{}, \"\\\\\"]} ,{}]  }\n";
  for (const std::size_t batch : {1, 20, 1000}) {
    EXPECT_THAT(documents(text, batch), testing::ElementsAre("{\"a\": \"}]\\\"{\"}", "{\"b\": [{}, \"\\\\\"]}", "{}"));
  }
  EXPECT_THAT(documents("{\"samples\": []}"), testing::IsEmpty());
}

TEST_F(CollectionFileTest, DocumentsLongerThanABlock) {
  const auto large = "{\"a\": \"" + std::string(3 << 20, 'x') + "\"}";
  EXPECT_THAT(documents("{\"samples\": [" + large + "," + large + "]}"), testing::ElementsAre(large, large));
}

TEST_F(CollectionFileTest, SaysWhereItIsDamaged) {
  EXPECT_THAT(error("{\"samples\": [{\"a\": 1},{\"b\": "), testing::HasSubstr("at byte 22"));
  EXPECT_THAT(error("{\"samples\": [{\"a\": 1}"), testing::HasSubstr("after 1 documents"));
  EXPECT_THAT(error("{\"frames\": []}"), testing::HasSubstr("\"frames\" and not \"samples\""));
  EXPECT_THAT(error("\xEF\xBB\xBF{\"samples\": []}"), testing::HasSubstr("byte order mark"));
  EXPECT_THAT(error("{\"samples\": []} x"), testing::HasSubstr("follows the end"));
  EXPECT_THAT(error("{\"samples\": [], \"x\": 1}"), testing::HasSubstr("close the file"));
  EXPECT_THAT(error("{\"samples\": [1]}"), testing::HasSubstr("no document"));
  EXPECT_THAT(error("{\"samples\": [{},]}"), testing::HasSubstr("no document"));
  EXPECT_THAT(error("{\"samples\": [{} {}]}"), testing::HasSubstr("separate"));
  EXPECT_THAT(error(""), testing::HasSubstr("the file ends"));
}

TEST(JsonWriter, AsTheOriginalsDriver) {
  const Document doc{{"i", 7},
                     {"l", std::int64_t{9007199254740993}},
                     {"d", 2.0},
                     {"z", -0.0},
                     {"e", 1e-07},
                     {"E", 1e16},
                     {"s", "q\" / \\ \t\n\x01\x7f \xC3\xA9\xE2\x80\xA8\xF0\x9F\x98\x80"},
                     {"n", bson::Null{}},
                     {"nan", std::nan("")},
                     {"inf", -std::numeric_limits<double>::infinity()},
                     {"t", bson::Date{1643860445789}},
                     {"t0", bson::Date{1643860445000}},
                     {"old", bson::Date{-1000}},
                     {"b", bson::Binary{0, std::string("\0\x01\xFF", 3)}},
                     {"a", bson::Array{1, Document{}, bson::Array{}, true}}};
  EXPECT_EQ(to_json(doc),
            R"({"i": 7, "l": 9007199254740993, "d": 2.0, "z": -0.0, "e": 1e-07, "E": 1e+16, )"
            R"("s": "q\" / \\ \t\n\u0001\u007f \u00e9\u2028\ud83d\ude00", "n": null, "nan": {"$numberDouble": "NaN"}, )"
            R"("inf": {"$numberDouble": "-Infinity"}, "t": {"$date": "2022-02-03T03:54:05.789Z"}, )"
            R"("t0": {"$date": "2022-02-03T03:54:05Z"}, "old": {"$date": {"$numberLong": "-1000"}}, )"
            R"("b": {"$binary": {"base64": "AAH/", "subType": "00"}}, "a": [1, {}, [], true]})");
}

TEST(JsonWriter, RefusesWhatCouldNotBeReadBack) {
  EXPECT_THROW(to_json(Document{{"a", Document{{"$oid", "x"}}}}), NotWritable);
  EXPECT_THROW(to_json(Document{{"a", "\xFF"}}), NotWritable);
  EXPECT_THROW(to_json(Document{{"a", "\xED\xA0\x80"}}), NotWritable);
  EXPECT_EQ(to_json(Document{{"a", Document{{"$eq", 1}, {"$type", "x"}}}}), R"({"a": {"$eq": 1, "$type": "x"}})");
}

// What is written reads back, and then no more changes; or it is refused.
RC_GTEST_PROP(JsonWriter, CanonicalTextGivesTheDocumentBack, ()) {
  const auto document = *arbitrary::document();
  std::string text;
  try {
    text = to_json(document, JsonStyle::kCanonical);
  } catch (const std::exception&) {
    RC_SUCCEED("refused");
  }
  const auto back = read(text);
  RC_ASSERT(read(to_json(back, JsonStyle::kCanonical)) == back);
}

// Text of any kind gives a document or an error, never anything else.
RC_GTEST_PROP(JsonReader, AnyTextIsReadOrRefused, ()) {
  static const std::string kPieces[] = {
      "{",         "}",           "[",         "]",       ",",       ":",        "\"",   "\\",   "$oid",
      "\"a\"",     "NaN",         "Infinity",  "-",       "1",       "1e9",      "null", "true", " ",
      "\"$date\"", "\"$binary\"", "\"$type\"", "\\u0000", "\\ud800", "\xC3\xA9", "\xFF", "0.5"};
  const auto picks =
      *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, std::size(kPieces)));
  std::string text = "{\"k\":";
  for (const auto pick : picks) text += kPieces[pick];
  text += "}";
  try {
    const auto document = read(text);
    RC_ASSERT(bson::encoded_size(document) >= 5U);
  } catch (const Error&) {
  }
}

RC_GTEST_PROP(CollectionFile, AnyTextIsCutOrRefused, (const std::string& middle)) {
  const auto path = testing::TempDir() + "/any.json";
  std::ofstream(path, std::ios::binary) << "{\"samples\": [{" << middle << "}]}";
  try {
    CollectionFile file(path, "samples", 1);
    TextBatch batch;
    while (file.next(batch)) {
      for (std::size_t i = 0; i < batch.slices.size(); ++i) RC_ASSERT(batch.document(i).front() == '{');
    }
  } catch (const Error&) {
  }
}

TEST(Paths, WhatIsAbsolute) {
  EXPECT_TRUE(is_absolute("/a"));
  EXPECT_TRUE(is_absolute("s3://bucket/a"));
  EXPECT_TRUE(is_absolute("https://host/a?b"));
  EXPECT_FALSE(is_absolute("a/b"));
  EXPECT_FALSE(is_absolute("1://a"));
  EXPECT_FALSE(is_absolute("a b://c"));
  EXPECT_EQ(join_normal("/d", "x/../y.png"), "/d/y.png");
  EXPECT_EQ(join_normal("/d", "s3://b//1.png"), "s3://b//1.png");
  EXPECT_EQ(join_normal("s3://b/d", "y.png"), "s3://b/d/y.png");
  EXPECT_EQ(below("/d/x/y", "/d"), "x/y");
  EXPECT_EQ(below("/dx/y", "/d"), std::nullopt);
}

TEST(Paths, WhatStaysWithin) {
  for (const auto* path : {"a", "a/b", "./a", "a/../b"}) EXPECT_TRUE(stays_within(path)) << path;
  for (const auto* path : {"", ".", "..", "../a", "a/../..", "a/../../b", "/a", "s3://a"}) {
    EXPECT_FALSE(stays_within(path)) << path;
  }
}

RC_GTEST_PROP(Paths, NothingLeavesTheFolder, ()) {
  static const std::string kParts[] = {"..", ".", "a", "", "b c", "..."};
  const auto picks = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, std::size(kParts)));
  std::string path;
  for (const auto pick : picks) path += kParts[pick] + "/";
  if (stays_within(path)) RC_ASSERT(below(join_normal("/folder", path), "/folder").has_value());
}

TEST(FileNames, AsTheOriginalUnlessTwoWouldBeEqual) {
  FileNames names("data", std::nullopt, 0);
  EXPECT_EQ(names.name("/a/x.png").path, "data/x.png");
  EXPECT_EQ(names.name("/b/x.png").path, "data/x-2.png");
  EXPECT_FALSE(names.name("/a/x.png").first);
  EXPECT_EQ(names.name("/c/x-2.png").path, "data/x-2-2.png");
  EXPECT_EQ(names.name("/c/a%20b.png?x=1").path, "data/a-20b.png");
  FileNames nested("fields/seg", "/root", 2);
  EXPECT_EQ(nested.name("/root/p/q.png").path, "fields/seg/p/q.png");
  FileNames chunks("fields/seg", std::nullopt, 2);
  EXPECT_EQ(chunks.name("/1").path, "fields/seg/seg_0/1");
  EXPECT_EQ(chunks.name("/2").path, "fields/seg/seg_0/2");
  EXPECT_EQ(chunks.name("/3").path, "fields/seg/seg_1/3");
}

TEST(Scene, OnlyAssetsChange) {
  const std::string scene = R"({"name": "pcdPath", "x": 1.50, "children": [{"pcdPath": "/a/b.pcd", "image": null}], )"
                            R"("background": {"image": "i.png", "cube": ["1.png", "2.png"]}, "z": "1.png"})";
  std::vector<std::string> seen;
  const auto edited = edit_scene(scene, [&](const std::string& path) {
    seen.push_back(path);
    return "new/" + path.substr(path.rfind('/') + 1);
  });
  EXPECT_THAT(seen, testing::ElementsAre("/a/b.pcd", "i.png", "1.png", "2.png"));
  EXPECT_EQ(edited, R"({"name": "pcdPath", "x": 1.50, "children": [{"pcdPath": "new/b.pcd", "image": null}], )"
                    R"("background": {"image": "new/i.png", "cube": ["new/1.png", "new/2.png"]}, "z": "1.png"})");
}

TEST(Pipeline, KeepsTheOrderAndRethrowsTheFirst) {
  for (const std::size_t jobs : {1, 2, 5}) {
    int next = 0;
    std::vector<int> out;
    const auto take = [&](int& n) { return (n = next++) < 200; };
    in_order<int, int>(
        jobs, take, [](int& n, int& m, std::size_t) { m = 2 * n; }, [&](int& m) { out.push_back(m); });
    ASSERT_EQ(out.size(), 200U);
    for (int i = 0; i < 200; ++i) EXPECT_EQ(out[static_cast<std::size_t>(i)], 2 * i);
    next = 0;
    out.clear();
    const auto fail_late = [](int& n, int& m, std::size_t) {
      if (n >= 50) throw std::runtime_error(std::to_string(n));
      m = n;
    };
    try {
      in_order<int, int>(jobs, take, fail_late, [&](int& m) { out.push_back(m); });
      FAIL();
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "50");
    }
    EXPECT_EQ(out.size(), 50U);
  }
}

TEST(Pipeline, WorkRunsAheadAsFarAsItMay) {
  constexpr int kAll = 200;
  for (const std::size_t jobs : {1, 2, 5}) {
    int next = 0;
    std::atomic<int> worked = 0;
    int given = 0;
    int furthest = 0;
    const auto take = [&](int& n) { return (n = next++) < kAll; };
    const auto work = [&](int& n, int& m, std::size_t) {
      m = n;
      ++worked;
    };
    // The first waits until all that may be done meanwhile is.
    const int most = jobs == 1 ? 1 : 10;
    const auto give = [&](int& m) {
      EXPECT_EQ(m, given++);
      for (int i = 0; m == 0 && i < 5000 && worked < most; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      furthest = std::max(furthest, worked - given);
    };
    in_order<int, int>(jobs, take, work, give, {10, [](const int&) { return std::size_t{1}; }});
    EXPECT_EQ(given, kAll);
    EXPECT_GE(worked, most);
    // Nine wait, and each worker may hold one more.
    EXPECT_LE(furthest, 9 + static_cast<int>(jobs));
    if (jobs > 1) {
      EXPECT_GE(furthest, 9);
    }
  }
}

TEST(Pipeline, WhatWaitsBehindAFailureIsNotHandedOn) {
  for (const std::size_t jobs : {1, 2, 5}) {
    int next = 0;
    std::vector<int> out;
    const auto take = [&](int& n) { return (n = next++) < 200; };
    const auto work = [](int& n, int& m, std::size_t) {
      if (n == 50 || n == 70) throw std::runtime_error(std::to_string(n));
      m = n;
    };
    try {
      in_order<int, int>(jobs, take, work, [&](int& m) { out.push_back(m); },
                         {10, [](const int&) { return std::size_t{1}; }});
      FAIL();
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "50");
    }
    EXPECT_EQ(out.size(), 50U);
  }
}

}  // namespace
}  // namespace fm::archive
