// What one dataset document has wrong by its version.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "exec/verify_document.h"
#include "unit/json.h"

namespace fm {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Inspection inspected(const std::string& version, std::string_view dataset,
                     const std::map<std::string, bson::Document>& runs = {}) {
  static const auto kRequirements = requirements(built_in_catalogue());
  const auto fetch = [&](const std::string&, const bson::Value& id) -> std::optional<bson::Document> {
    const auto found = runs.find(id.as<bson::Oid>()->hex());
    return found == runs.end() ? std::nullopt : std::optional(found->second);
  };
  return inspect(json(dataset), Version::parse(version), kRequirements, fetch);
}

std::vector<std::string> problems(const std::string& version, std::string_view dataset) {
  std::vector<std::string> out;
  for (const auto& one : inspected(version, dataset).problems) {
    out.push_back(std::string(name_of(one.kind)) + " " + one.where);
  }
  return out;
}

constexpr const char* kOld = R"({"_id": {"$oid": "0123456789abcdef01234567"}, "name": "a", "sample_fields": [],
                                 "sample_collection_name": "samples.a"})";

TEST(Verify, NothingIsRequiredBeforeTheFirstRevision) { EXPECT_THAT(problems("0.0", kOld), IsEmpty()); }

TEST(Verify, WhatARevisionBringsIsRequiredFromItsVersionOn) {
  EXPECT_THAT(problems("0.14.0", kOld), Not(Contains("pending slug")));
  EXPECT_THAT(problems("1.22.1", kOld), Contains("pending slug"));
}

TEST(Verify, WhatIsEmptyMayBeLeftOut) {
  EXPECT_THAT(problems("0.7.3", kOld), IsEmpty());
  EXPECT_THAT(problems("1.22.1", kOld), Not(Contains(HasSubstr("saved_views"))));
}

TEST(Verify, WhatALaterRevisionBringsIsHalfWay) {
  const auto newer = R"({"_id": 1, "name": "a", "slug": "a", "sample_fields": [], "frame_fields": []})";
  EXPECT_THAT(problems("0.6.2", newer), ElementsAre("half-way slug"));
}

TEST(Verify, FieldsHaveNameAndTypeAndAreThereOnce) {
  const auto fields = [](const std::string& list) {
    return problems("0.0", R"({"_id": 1, "name": "a", "sample_fields": )" + list + "}");
  };
  EXPECT_THAT(fields(R"([{"name": "x", "ftype": "t"}])"), IsEmpty());
  EXPECT_THAT(fields(R"([{"ftype": "t"}])"), ElementsAre("damaged sample_fields.0"));
  EXPECT_THAT(fields(R"([{"name": "x"}])"), ElementsAre("damaged sample_fields.x"));
  EXPECT_THAT(fields(R"([{"name": "x", "ftype": "t"}, {"name": "x", "ftype": "t"}])"),
              ElementsAre("damaged sample_fields.x"));
  EXPECT_THAT(fields("{}"), ElementsAre("damaged sample_fields"));
  EXPECT_THAT(fields("null"), ElementsAre("damaged sample_fields"));
}

TEST(Verify, ListsOfFieldsMayBeEmpty) {
  EXPECT_THAT(problems("0.9.4", R"({"_id": 1, "name": "a", "sample_fields": [], "frame_fields": [], "evaluations": {},
      "brain_methods": {}, "classes": {}, "default_classes": [], "mask_targets": {}, "default_mask_targets": {}})"),
              IsEmpty());
}

TEST(Verify, IdsAreReferencesWithTheResultsOfTheirRuns) {
  const auto run = json(R"({"_id": 1, "results": {"$oid": "aaaaaaaaaaaaaaaaaaaaaaaa"}})");
  const auto found = inspected("1.22.1", R"({"_id": 1, "name": "a", "sample_fields": [],
      "brain_methods": {"sim": {"$oid": "0123456789abcdef01234567"}},
      "saved_views": [{"$oid": "bbbbbbbbbbbbbbbbbbbbbbbb"}, 7]})",
                               {{"0123456789abcdef01234567", run}});
  std::vector<std::string> references;
  for (const auto& one : found.references) references.push_back(one.collection + " " + one.where);
  EXPECT_THAT(references,
              ElementsAre("runs brain_methods.sim", "fs.files brain_methods.sim.results", "views saved_views.0"));
  std::vector<std::string> damaged;
  for (const auto& one : found.problems) damaged.push_back(one.where);
  EXPECT_THAT(damaged, Contains("saved_views.1"));
}

std::vector<std::string> checks(const std::string& version, const std::string& samples) {
  std::vector<std::string> out;
  const auto found = inspected(version, R"({"_id": 1, "name": "a", "sample_collection_name": ")" + samples + R"(",
      "frame_collection_name": "frames.x", "media_type": "video",
      "sample_fields": [{"name": "p", "ftype": "t", "db_field": "q",
                         "embedded_doc_type": "fiftyone.core.labels.Polylines"}, {"name": "_dataset_id", "ftype": "t"}],
      "frame_fields": [{"name": "id", "ftype": "t"}, {"name": "_dataset_id", "ftype": "t"}]})");
  for (const auto& one : found.checks) out.push_back(one.collection + ": " + bson::to_relaxed_json(one.filter));
  return out;
}

TEST(Verify, CollectionsAreAskedForWhatTheirRevisionsDid) {
  EXPECT_THAT(checks("0.19.0", "samples.x"), Not(Contains(HasSubstr("_dataset_id"))));
  EXPECT_THAT(checks("0.20.0", "samples.x"), Contains("samples.x: { \"_dataset_id\" : { \"$exists\" : false } }"));
  EXPECT_THAT(checks("0.20.0", "samples.x"), Contains("frames.x: { \"_dataset_id\" : { \"$exists\" : false } }"));
  EXPECT_THAT(checks("1.0.0", "samples.x"), Contains(HasSubstr("created_at")));
}

TEST(Verify, FramesOfClipsAreTheirSourcesAffair) {
  EXPECT_THAT(checks("1.22.1", "clips.x"), Not(Contains(HasSubstr("frames.x: "))));
}

TEST(Verify, PolylinesAreLookedForByTheirStoredName) {
  EXPECT_THAT(checks("0.6.2", "samples.x"), Contains(HasSubstr("q.polylines")));
  EXPECT_THAT(checks("0.0", "samples.x"), Not(Contains(HasSubstr("q.polylines"))));
}

TEST(Verify, SomeOfManyWords) {
  EXPECT_EQ(some_of({}), "");
  EXPECT_EQ(some_of({"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(some_of({"a", "b", "c", "d", "e"}), "a, b, c, 2 more");
}

}  // namespace
}  // namespace fm
