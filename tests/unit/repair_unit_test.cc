#include "exec/repair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "exec/verify_document.h"
#include "exec/verify_version.h"

namespace fm {
namespace {

using bson::Array;
using bson::Document;
using bson::Oid;
using bson::Value;

DocumentEdit edit(std::optional<Document> before, std::optional<Document> after) {
  return {"samples.x", 1, std::move(before), std::move(after)};
}

// Stored, read, and what it is then.
void expect_kept(const DocumentEdit& one) {
  const auto stored = stored_edit("RUN", one);
  const auto read = read_edit(stored);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->collection, one.collection);
  EXPECT_EQ(read->id, one.id);
  EXPECT_EQ(read->before, one.before);
  EXPECT_EQ(read->after, one.after);
  EXPECT_EQ(read->index, one.index);
  if (!one.files.empty()) {
    EXPECT_EQ(read->discards, one.discards);
  }
  EXPECT_EQ(read->files.size(), one.files.size());
}

TEST(DocumentEdits, AreReadAsTheyWereKept) {
  const Document one{{"_id", 1}, {"a", 1}, {"b", 2}, {"c", Document{{"d", 3}}}};
  expect_kept(edit(one, Document{{"_id", 1}, {"a", 5}, {"b", 2}, {"c", Document{{"d", 3}}}}));
  expect_kept(edit(one, Document{{"_id", 1}, {"a", 1}, {"c", Document{{"d", 4}}}}));
  expect_kept(edit(one, Document{{"_id", 1}, {"a", 1}, {"b", 2}, {"c", Document{{"d", 3}}}, {"e", bson::Null{}}}));
  // A key in the middle, another order, a key twice.
  expect_kept(edit(one, Document{{"_id", 1}, {"x", 0}, {"a", 1}, {"b", 2}, {"c", Document{{"d", 3}}}}));
  expect_kept(edit(one, Document{{"_id", 1}, {"b", 2}, {"a", 1}, {"c", Document{{"d", 3}}}}));
  expect_kept(edit(one, Document{{"_id", 1}, {"a", 1}, {"a", 2}, {"b", 2}, {"c", Document{{"d", 3}}}}));
  expect_kept(edit(one, std::nullopt));
  expect_kept(edit(std::nullopt, one));
  expect_kept(edit(one, one).reversed());
}

TEST(DocumentEdits, KeepWhatChangedAndNotAllTwice) {
  const std::string much(10000, 'x');
  const auto stored = stored_edit("RUN", edit(Document{{"_id", 1}, {"much", much}, {"stamp", 1}},
                                              Document{{"_id", 1}, {"much", much}, {"stamp", 2}}));
  EXPECT_LT(bson::encoded_size(stored), 11000U);
}

TEST(DocumentEdits, FilesGoTheOtherWayRound) {
  auto one = edit(Document{{"_id", 1}, {"results", Oid{{1}}}}, Document{{"_id", 1}, {"results", Oid{{2}}}});
  one.files.push_back({Oid{{1}}, Oid{{2}}, "cls", "Other"});
  expect_kept(one);
  expect_kept(one.reversed());
  EXPECT_TRUE(one.reversed().discards);
  EXPECT_FALSE(one.reversed().reversed().discards);
}

TEST(DocumentEdits, OtherDocumentsAreNone) {
  EXPECT_FALSE(read_edit({}));
  EXPECT_FALSE(read_edit({{"_id", 1}}));
  EXPECT_FALSE(read_edit({{"_id", Document{{"run", "r"}, {"document", 1}}}}));
  // An image of a migration: nothing says what was left.
  const Document id{{"run", "r"}, {"collection", "samples.x"}, {"document", 1}};
  EXPECT_FALSE(read_edit({{"_id", id}, {"before", Document{{"_id", 1}}}}));
  EXPECT_FALSE(read_edit({{"_id", id}, {"set", Document{{"a", 1}}}}));
  EXPECT_FALSE(read_edit({{"_id", id}, {"before", Document()}, {"gone", true}, {"after", Document()}}));
}

TEST(Repair, ARequestIsReadAsItWasWritten) {
  VerifySettings wanted;
  wanted.names = {"a \"b\"", "", "Überblick 東京"};
  wanted.deep = true;
  const auto read = read_repair_request(repair_request(wanted));
  EXPECT_EQ(read.names, wanted.names);
  EXPECT_TRUE(read.deep);
  EXPECT_FALSE(read_repair_request(repair_request({})).deep);
  EXPECT_TRUE(read_repair_request("no json").names.empty());
}

TEST(Repair, EveryKindOfProblemIsExplained) {
  std::set<std::string> codes;
  for (const auto& type : problem_types()) {
    EXPECT_TRUE(codes.insert(type.code).second) << type.code;
    EXPECT_STRNE(type.reason, "") << type.code;
    EXPECT_EQ(problem_of(type.code, "w", "x", "y").kind, type.kind);
  }
  EXPECT_THROW(problem_of("no such", "", "", ""), std::logic_error);
}

TEST(Repair, AVersionGoesWhereClientsHaveIt) {
  const auto set = [](Document dataset) {
    set_version(dataset, "1.0.0");
    std::string keys;
    for (const auto& [key, value] : dataset) keys += key + " ";
    return keys;
  };
  EXPECT_EQ(set({{"_id", 1}, {"name", "n"}, {"slug", "n"}, {"persistent", true}}), "_id name slug version persistent ");
  EXPECT_EQ(set({{"_id", 1}, {"name", "n"}, {"persistent", true}, {"slug", "n"}}), "_id name version persistent slug ");
  EXPECT_EQ(set({{"version", bson::Null{}}, {"_id", 1}}), "version _id ");
  EXPECT_EQ(set({}), "version ");
}

Document field(const char* name, Array nested = {}) {
  Document out{{"name", name}, {"ftype", "x"}, {"db_field", name}};
  out.append("fields", std::move(nested));
  return out;
}

// What is left of a dataset after all mends of a code.
Document mended(const Document& dataset, const std::string& code) {
  const auto fetch = [](const std::string&, const Value&) { return std::optional<Document>(); };
  auto out = dataset;
  for (const auto& problem : inspect(dataset, Version::parse("1.22.1"), {}, fetch).problems) {
    if (problem.code != code) continue;
    const ops::IdGenerator ids(0, "");
    ops::Context context(1, 0, ids, fetch);
    for (const auto& one : problem.mend.datasets) one.edit(out, context);
  }
  return out;
}

TEST(Repair, OnlyEqualFieldsAreRemoved) {
  const auto twice = [](const Array& fields) { return Document{{"_id", 1}, {"sample_fields", fields}}; };
  const auto a = field("a");
  const auto b = field("b");
  auto other = field("a");
  other.append("description", "another");
  EXPECT_EQ(mended(twice({a, b, a, a}), "field-twice"), twice({a, b}));
  EXPECT_EQ(mended(twice({a, b, other}), "field-twice"), twice({a, b, other}));
  EXPECT_EQ(mended(twice({a, b, other, a}), "field-twice"), twice({a, b, other}));
  // Nor is it offered for others.
  const auto offers = [](const Document& dataset) {
    const auto fetch = [](const std::string&, const Value&) { return std::optional<Document>(); };
    std::size_t out = 0;
    for (const auto& problem : inspect(dataset, Version::parse("1.22.1"), {}, fetch).problems) {
      if (problem.code == "field-twice") out += problem.mend.datasets.size();
    }
    return out;
  };
  EXPECT_EQ(offers(twice({a, b, a})), 1U);
  EXPECT_EQ(offers(twice({a, b, other})), 0U);
  // Nested ones, also behind names with dots, and names that begin alike.
  EXPECT_EQ(mended(twice({field("x", {a, a}), field("x.y", {a, b, b}), b}), "field-twice"),
            twice({field("x", {a}), field("x.y", {a, b}), b}));
  EXPECT_EQ(mended(twice({field("x", {field("y", {a, a})})}), "field-twice"), twice({field("x", {field("y", {a})})}));
}

TEST(Repair, FramesAreNamedAsClientsDo) {
  const Document dataset{{"_id", 1},
                         {"media_type", "video"},
                         {"sample_collection_name", "samples.x"},
                         {"persistent", true},
                         {"sample_fields", Array()}};
  const auto after = mended(dataset, "frames-unnamed");
  EXPECT_EQ(*after.find("frame_collection_name"), Value("frames.samples.x"));
  EXPECT_EQ(after.index_of("frame_collection_name"), after.index_of("sample_collection_name") + 1);
  auto odd = dataset;
  odd.set("sample_collection_name", "mine");
  EXPECT_EQ(mended(odd, "frames-unnamed"), odd);
}

}  // namespace
}  // namespace fm
