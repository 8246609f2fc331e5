// What a client does: is it let in, what does loading have to do first, setting
// a column of values, deleting a dataset.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"
#include "client/load.h"
#include "client/migrate.h"
#include "client/remove_dataset.h"
#include "client/set_column.h"
#include "property/collections.h"
#include "revisions/catalogue.h"

namespace fm {
namespace {

using bson::Array;
using bson::Document;
using bson::Oid;
using bson::Value;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const Catalogue& catalogue() { return built_in_catalogue(); }

Heads database_at(std::optional<std::string> version, Edition edition = Edition::kOpenSource) {
  Heads out;
  out.edition = edition;
  out.database = std::move(version);
  return out;
}

Exit refusal(const Heads& heads, const LoadSettings& settings = {}) {
  try {
    check_client(catalogue(), heads, settings);
  } catch (const Error& error) {
    EXPECT_EQ(error.type(), "OSError") << error.what();
    return error.code();
  }
  return Exit::kDone;
}

TEST(CheckClient, OpensWhatIsCompatible) {
  EXPECT_EQ(refusal(database_at(std::nullopt)), Exit::kDone);
  EXPECT_EQ(refusal(database_at(catalogue().client)), Exit::kDone);
  EXPECT_EQ(refusal(database_at("0.19.0")), Exit::kDone);
  EXPECT_EQ(refusal(database_at("1.99.0")), Exit::kDone);
}

TEST(CheckClient, RefusesWhatIsNotAndAtEveryTry) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(refusal(database_at("0.18.0")), Exit::kIncompatible);
    EXPECT_EQ(refusal(database_at("2.0.0")), Exit::kIncompatible);
    EXPECT_EQ(refusal(database_at("no version")), Exit::kIncompatible);
    EXPECT_EQ(refusal(database_at("2.0.0", Edition::kEnterprise)), Exit::kIncompatible);
  }
}

TEST(CheckClient, AsksNothingWhereThatIsTurnedOff) {
  LoadSettings settings;
  settings.migrations_disabled = true;
  EXPECT_EQ(refusal(database_at("0.18.0"), settings), Exit::kDone);
  settings = {};
  settings.services_disabled = true;
  EXPECT_EQ(refusal(database_at("2.0.0"), settings), Exit::kDone);
}

std::optional<std::string> loaded_to(const std::string& dataset, const std::string& database,
                                     const LoadSettings& settings = {}, Edition edition = Edition::kOpenSource) {
  DatabaseHeads heads;
  heads.heads = database_at(database, edition);
  heads.heads.datasets.push_back({Value(Oid{}), "x", true, dataset});
  const auto plan = plan_load(catalogue(), heads, settings);
  return plan ? std::optional(plan->routes[plan->datasets.front().route].to) : std::nullopt;
}

TEST(PlanLoad, GoesUpToTheDatabase) {
  EXPECT_EQ(loaded_to("0.14.4", "1.22.1"), "1.22.1");
  EXPECT_EQ(loaded_to("0.22.3", "1.22.1"), "1.22.1");
  EXPECT_EQ(loaded_to("1.22.1", "1.22.1"), std::nullopt);
}

TEST(PlanLoad, NeverGoesDownFromWhatItReads) {
  EXPECT_EQ(loaded_to("1.22.1", "1.3.0"), std::nullopt);
  EXPECT_EQ(loaded_to("1.30.0", "1.22.1"), std::nullopt);
}

TEST(PlanLoad, LeavesAloneWhatAnyoneOpensUnlessAnAdminIsThere) {
  LoadSettings settings;
  settings.admin = false;
  EXPECT_EQ(loaded_to("0.22.3", "1.22.1", settings), std::nullopt);
  EXPECT_EQ(loaded_to("0.14.4", "1.22.1", settings), "1.22.1");
  EXPECT_EQ(loaded_to("0.22.3", "1.22.1", {}, Edition::kEnterprise), std::nullopt);
  settings.migrations_disabled = true;
  EXPECT_EQ(loaded_to("0.14.4", "1.22.1", settings), std::nullopt);
}

TEST(PlanLoad, RefusesADatasetOfTheFuture) { EXPECT_THROW(loaded_to("2.0.0", "1.22.1"), Error); }

// -- set_column

class SetColumn : public testing::Test {};
class SetColumnOfLists : public Properties {};

Oid oid_of(int number) {
  Oid out;
  out.bytes[0] = 0x60;
  out.bytes[10] = static_cast<std::uint8_t>(number >> 8);
  out.bytes[11] = static_cast<std::uint8_t>(number);
  return out;
}

std::vector<Document> all_of(const std::string& collection) {
  std::vector<Document> out;
  FindOptions options;
  options.sort = Document{{"_id", 1}};
  test_server().find(collection, {}, options, [&](bson::View view) { out.push_back(view.decode()); });
  return out;
}

ColumnResult set(const ColumnEdit& edit, std::size_t jobs = 2) {
  return set_column(test_server(), edit, jobs, [](std::size_t) { return true; });
}

TEST_F(SetColumn, EveryDocumentGetsItsOwnValue) {
  constexpr int kCount = 1500;
  std::vector<Document> documents;
  ColumnEdit edit{"samples", {}, {}, "a.path", "", false, {"a"}, {}, "stamp", 1700000000000};
  // Given in another order than they are stored in.
  for (int i = 0; i < kCount; ++i) {
    documents.push_back({{"_id", oid_of(i)}, {"a", Document{{"path", "old"}, {"x", 1}}}, {"stamp", bson::Date{1}}});
    edit.ids.push_back(oid_of(kCount - 1 - i));
    edit.values.push_back(Value("new" + std::to_string(kCount - 1 - i)));
  }
  fill("samples", documents);
  const auto result = set(edit);
  EXPECT_EQ(result.edited, kCount);
  EXPECT_TRUE(result.left.empty());
  const auto found = all_of("samples");
  for (int i = 0; i < kCount; ++i) {
    const auto& document = found[static_cast<std::size_t>(i)];
    ASSERT_EQ(document, (Document{{"_id", oid_of(i)},
                                  {"a", Document{{"path", "new" + std::to_string(i)}, {"x", 1}}},
                                  {"stamp", bson::Date{1700000000000}}}));
  }
}

TEST_F(SetColumn, WhatIsNotAsExpectedIsLeftAndNamed) {
  fill("samples", {Document{{"_id", oid_of(0)}, {"p", "seen"}}, Document{{"_id", oid_of(1)}, {"p", "changed"}},
                   Document{{"_id", oid_of(2)}}, Document{{"_id", oid_of(3)}, {"p", "seen"}}});
  ColumnEdit edit{"samples", {}, {}, "p", "", false, {}, {{"p", {}}}, "stamp", 7};
  for (int i = 0; i < 5; ++i) {  // there is no fifth
    edit.ids.push_back(oid_of(i));
    edit.values.push_back(Value("new"));
    edit.expected[0].values.push_back(i == 2 ? Value() : Value("seen"));
  }
  const auto result = set(edit);
  EXPECT_EQ(result.edited, 3);
  EXPECT_THAT(result.left, UnorderedElementsAre(Value(oid_of(1)), Value(oid_of(4))));
  EXPECT_EQ(*all_of("samples")[1].find("p"), Value("changed"));
  EXPECT_FALSE(all_of("samples")[1].has("stamp"));
}

TEST_F(SetColumn, IdsOfOtherTypesAndNoParents) {
  fill("samples", {Document{{"_id", 1}, {"a", Document{}}}, Document{{"_id", "x"}, {"a", bson::Null{}}},
                   Document{{"_id", oid_of(1)}, {"a", Document{}}}});
  ColumnEdit edit{"samples",
                  {Value("x"), Value(oid_of(1)), Value(1)},
                  {Value(1), Value(2), Value(3)},
                  "a.b",
                  "",
                  false,
                  {"a"},
                  {},
                  "",
                  0};
  const auto result = set(edit);
  EXPECT_EQ(result.edited, 2);
  EXPECT_THAT(result.left, UnorderedElementsAre(Value("x")));
  EXPECT_EQ(*all_of("samples")[0].find("a"), Value(Document{{"b", 3}}));
}

RC_GTEST_FIXTURE_PROP(SetColumnOfLists, EachElementItsOwnValue, ()) {
  std::vector<Document> documents;
  std::vector<Document> expected;
  ColumnEdit edit{"samples", {}, {}, "gt.list.in.value", "gt.list", chance(50), {}, {}, "", 0};
  for (int i = 0; i < between(1, 20); ++i) {
    Array before;
    Array after;
    Array values;
    for (int j = between(0, 4); j > 0; --j) {
      Document element{{"_id", oid_of(1000 * i + j)}, {"in", Document{{"value", j}, {"kept", true}}}};
      before.append(element);
      const Value value = chance(30) ? Value() : Value(100 + j);
      if (!edit.keep_for_null || !value.is_null()) element.find("in")->as<Document>()->set("value", value);
      after.append(element);
      values.append(value);
    }
    documents.push_back({{"_id", oid_of(i)}, {"gt", Document{{"list", before}}}});
    expected.push_back({{"_id", oid_of(i)}, {"gt", Document{{"list", after}}}});
    edit.ids.push_back(oid_of(i));
    edit.values.push_back(values);
  }
  fill("samples", documents);
  RC_ASSERT(set(edit).edited == static_cast<std::int64_t>(documents.size()));
  RC_ASSERT(all_of("samples") == expected);
  // Again changes nothing.
  set(edit);
  RC_ASSERT(all_of("samples") == expected);
}

TEST_F(SetColumn, AStopLeavesTheRestAlone) {
  std::vector<Document> documents;
  ColumnEdit edit{"samples", {}, {}, "p", "", false, {}, {}, "", 0};
  for (int i = 0; i < 2000; ++i) {
    documents.push_back({{"_id", oid_of(i)}, {"p", 0}});
    edit.ids.push_back(oid_of(i));
    edit.values.push_back(Value(1));
  }
  fill("samples", documents);
  const auto result = set_column(test_server(), edit, 1, [](std::size_t) { return false; });
  EXPECT_GT(result.edited, 0);
  EXPECT_LT(result.edited, 2000);
  EXPECT_EQ(test_server().count("samples", Document{{"p", 1}}), result.edited);
}

// -- deleting

class RemoveDataset : public testing::Test {};

TEST_F(RemoveDataset, TakesItsOwnAndNothingElse) {
  auto& server = test_server();
  const Document dataset{{"_id", oid_of(1)},
                         {"name", "x"},
                         {"sample_collection_name", "samples.x"},
                         {"frame_collection_name", "frames.samples.x"},
                         {"saved_views", Array{oid_of(2)}},
                         {"evaluations", Document{{"ev", oid_of(3)}}}};
  const Document clips{{"_id", oid_of(5)},
                       {"name", "clips"},
                       {"sample_collection_name", "clips.y"},
                       {"frame_collection_name", "frames.samples.x"}};
  const auto fill_all = [&] {
    fill("datasets", {dataset, clips});
    fill("samples.x", {Document{{"_id", 1}}});
    fill("frames.samples.x", {Document{{"_id", 1}}});
    fill("clips.y", {Document{{"_id", 1}}});
    fill("views", {Document{{"_id", oid_of(2)}, {"_dataset_id", oid_of(1)}},
                   Document{{"_id", oid_of(9)}, {"_dataset_id", oid_of(5)}}});
    fill("runs", {Document{{"_id", oid_of(3)}, {"_dataset_id", oid_of(1)}}});
  };
  fill_all();
  remove_dataset(server, clips);
  EXPECT_EQ(server.count("frames.samples.x", {}), 1);  // those of its source
  EXPECT_FALSE(server.collection_names().contains("clips.y"));
  fill_all();
  remove_dataset(server, dataset);
  EXPECT_FALSE(server.collection_names().contains("samples.x"));
  EXPECT_EQ(server.count("frames.samples.x", {}), 1);  // the clips still need them
  EXPECT_EQ(server.count("datasets", {}), 1);
  EXPECT_EQ(server.count("views", {}), 1);
  EXPECT_EQ(server.count("runs", {}), 0);
  remove_dataset(server, dataset);  // one that was cut off
  remove_dataset(server, clips);    // the last one that names them
  EXPECT_FALSE(server.collection_names().contains("frames.samples.x"));
  EXPECT_EQ(server.count("datasets", {}), 0);
}

}  // namespace
}  // namespace fm
