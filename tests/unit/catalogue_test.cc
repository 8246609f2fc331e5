// The catalogue built into the program.
#include "revisions/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "revisions/lint.h"

namespace fm {
namespace {

using ops::Step;
using ops::Steps;
using testing::ElementsAre;

const Catalogue& catalogue() { return built_in_catalogue(); }

std::vector<std::string> versions(const std::vector<Revision>& revisions) {
  std::vector<std::string> out;
  for (const auto& revision : revisions) out.push_back(revision.text);
  return out;
}

std::vector<const Revision*> all() {
  std::vector<const Revision*> out;
  for (const auto* list : {&catalogue().database, &catalogue().datasets}) {
    for (const auto& revision : *list) out.push_back(&revision);
  }
  return out;
}

std::vector<const Revision*> of_services() {
  std::vector<const Revision*> out;
  for (const auto service : {Service::kCas, Service::kHub, Service::kEnterprise}) {
    for (const auto& revision : catalogue().of(service)) out.push_back(&revision);
  }
  return out;
}

std::vector<const Revision*> everything() {
  auto out = all();
  for (const auto* revision : of_services()) out.push_back(revision);
  return out;
}

// Every step, also those inside each and each_field.
void visit(const Steps& steps, const std::function<void(const Step&)>& look) {
  for (const auto& step : steps) {
    look(step);
    if (const auto* each = std::get_if<ops::Each>(&step.operation)) visit(each->steps, look);
    if (const auto* each = std::get_if<ops::EachField>(&step.operation)) visit(each->steps, look);
  }
}

TEST(Catalogue, HasAllRevisions) {
  EXPECT_THAT(versions(catalogue().datasets),
              ElementsAre("0.6.2", "0.6.5", "0.7.2", "0.7.3", "0.7.4", "0.8.0", "0.9.4", "0.11.2", "0.13.0", "0.14.0",
                          "0.15.1", "0.16.0", "0.16.1", "0.16.3", "0.17.0", "0.18.0", "0.19.0", "0.20.0", "0.23.0",
                          "1.0.0", "1.1.0", "1.4.0", "1.13.0"));
  EXPECT_THAT(versions(catalogue().database), ElementsAre("0.15.0", "0.15.1"));
  EXPECT_EQ(catalogue().client, "1.22.1");
}

TEST(Catalogue, IsInOrderAndComplete) {
  for (const auto* list : {&catalogue().database, &catalogue().datasets}) {
    for (std::size_t i = 1; i < list->size(); ++i) EXPECT_LT((*list)[i - 1].version, (*list)[i].version);
  }
  std::set<std::string> checksums;
  for (const auto* revision : all()) {
    EXPECT_FALSE(revision->title.empty()) << revision->file;
    EXPECT_FALSE(revision->source.empty()) << revision->file;
    EXPECT_TRUE(checksums.insert(revision->checksum).second) << revision->file;
    EXPECT_TRUE(revision->file.ends_with("/" + revision->text + ".yaml")) << revision->file;
    EXPECT_LE(revision->version, Version::parse(catalogue().client)) << revision->file;
  }
}

// An empty way down is a statement, not an omission: these leave everything as
// it is (spec dataset-revisions).
TEST(Catalogue, EveryWayDownIsThere) {
  std::vector<std::string> nothing_down;
  std::vector<std::string> nothing_up;
  for (const auto* revision : all()) {
    if (revision->down.empty()) nothing_down.push_back(revision->file);
    if (revision->up.empty()) nothing_up.push_back(revision->file);
  }
  EXPECT_THAT(nothing_down, ElementsAre("database/0.15.0.yaml", "datasets/0.16.1.yaml", "datasets/1.0.0.yaml",
                                        "datasets/1.1.0.yaml"));
  EXPECT_THAT(nothing_up, ElementsAre("datasets/0.11.2.yaml", "datasets/0.16.3.yaml"));
}

// tests/property/revisions_test.cc shows that each of these is true.
TEST(Catalogue, WaysDownAreLabelled) {
  std::map<DownLabel, std::vector<std::string>> labels;
  for (const auto& revision : catalogue().datasets) labels[revision.down_label].push_back(revision.text);
  EXPECT_THAT(labels[DownLabel::kExact], ElementsAre("0.6.5", "0.7.2", "1.0.0", "1.1.0"));
  EXPECT_EQ(labels[DownLabel::kLossy].size(), 19u);
  for (const auto& revision : catalogue().database) EXPECT_EQ(revision.down_label, DownLabel::kExact);
}

TEST(Catalogue, GuardsAreWhereTheOriginalRefuses) {
  std::vector<std::string> guarded;
  for (const auto* revision : all()) {
    for (const auto* steps : {&revision->up, &revision->down}) {
      for (const auto& step : *steps) {
        if (ops::is_guard(step)) guarded.push_back(revision->text + (steps == &revision->up ? " up" : " down"));
      }
    }
  }
  EXPECT_THAT(guarded, ElementsAre("0.17.0 down", "1.0.0 up"));
}

TEST(Catalogue, CustomFunctionsAreFew) {
  std::map<std::string, int> uses;
  for (const auto& function : ops::custom_functions()) uses[function.name] = 0;
  for (const auto* revision : everything()) {
    for (const auto* steps : {&revision->up, &revision->down}) {
      visit(*steps, [&](const Step& step) {
        if (const auto* custom = std::get_if<ops::Custom>(&step.operation)) ++uses[custom->function->name];
      });
    }
  }
  EXPECT_THAT(uses, ElementsAre(testing::Pair("dataset_name", 1), testing::Pair("dataset_reference", 2),
                                testing::Pair("frame_map", 2), testing::Pair("frame_summary", 1),
                                testing::Pair("polyline_shapes", 3), testing::Pair("principal", 4),
                                testing::Pair("short_name", 1), testing::Pair("similarity_runs", 2)));
}

TEST(Catalogue, NoOperationIsUnused) {
  std::set<std::string> used;
  for (const auto* revision : everything()) {
    for (const auto* steps : {&revision->up, &revision->down}) {
      visit(*steps, [&](const Step& step) { used.insert(ops::name(step)); });
    }
  }
  for (const auto& name : ops::operation_names()) EXPECT_TRUE(used.contains(name)) << name;
}

// Collections whose documents a metadata step reads: they must not be among
// those that collection steps write, because all metadata steps of a path run
// before the first collection step (architecture, rule E2).
std::set<std::string> reads(const Step& step) {
  if (const auto* op = std::get_if<ops::Extract>(&step.operation)) return {op->collection};
  if (const auto* op = std::get_if<ops::Inline>(&step.operation)) return {op->collection};
  if (const auto* op = std::get_if<ops::DropReferences>(&step.operation)) return {op->collection};
  const auto* custom = std::get_if<ops::Custom>(&step.operation);
  if (custom && custom->function->references) {
    bson::Document dataset{{"brain_methods", bson::Document{{"a", bson::Oid()}}}};
    std::vector<std::pair<std::string, bson::Value>> named;
    ops::references({step}, dataset, named);
    EXPECT_FALSE(named.empty());
    std::set<std::string> out;
    for (const auto& [collection, id] : named) out.insert(collection);
    return out;
  }
  return {};
}

TEST(Catalogue, MetadataStepsReadNothingThatCollectionStepsWrite) {
  std::set<std::string> read;
  std::set<std::string> written;
  for (const auto& revision : catalogue().datasets) {
    for (const auto* steps : {&revision.up, &revision.down}) {
      for (const auto& step : *steps) {
        switch (step.target.kind) {
          case ops::Target::Kind::kDocument:
            visit({step}, [&](const Step& one) { read.merge(reads(one)); });
            break;
          case ops::Target::Kind::kOwned:
            written.insert(step.target.collection);
            break;
          case ops::Target::Kind::kSamples:
          case ops::Target::Kind::kFrames:
          case ops::Target::Kind::kSampleFrames:
            written.insert("samples and frames");
            break;
          case ops::Target::Kind::kDatabase:
          case ops::Target::Kind::kService:
            break;
        }
      }
    }
  }
  EXPECT_THAT(read, ElementsAre("runs", "views"));
  EXPECT_THAT(written, ElementsAre("delegated_ops", "samples and frames"));
}

TEST(Catalogue, CollectionStepsHaveAServerSideForm) {
  for (const auto* revision : all()) {
    for (const auto* steps : {&revision->up, &revision->down}) {
      for (const auto& step : *steps) {
        const auto kind = step.target.kind;
        if (kind == ops::Target::Kind::kDocument) continue;
        if (kind == ops::Target::Kind::kDatabase) {
          EXPECT_TRUE(std::holds_alternative<ops::DropCollections>(step.operation))
              << revision->file << ":" << step.line;
          continue;
        }
        const auto* custom = std::get_if<ops::Custom>(&step.operation);
        const bool joins = custom && custom->function->join;
        const bool lowers =
            std::visit([](const auto& op) { return op.lower(ops::Bindings{}).has_value(); }, step.operation);
        EXPECT_TRUE(joins || lowers) << revision->file << ":" << step.line;
        EXPECT_FALSE(joins && !custom->function->apply_join) << revision->file << ":" << step.line;
      }
    }
  }
}

TEST(Catalogue, ServicesAreInOrderAndSaySource) {
  for (const auto service : {Service::kCas, Service::kHub, Service::kEnterprise}) {
    const auto& list = catalogue().of(service);
    EXPECT_FALSE(list.empty());
    for (std::size_t i = 0; i < list.size(); ++i) {
      EXPECT_LE(list[i == 0 ? 0 : i - 1].version, list[i].version);
      EXPECT_TRUE(list[i].named_after_version()) << list[i].file;
      EXPECT_TRUE(list[i].built_in);
      EXPECT_THAT(list[i].source, testing::StartsWith("public: ")) << list[i].file;
      EXPECT_THAT(faults(service, list[i]), testing::IsEmpty());
    }
  }
}

TEST(Catalogue, StepsOfServicesNameKnownCollections) {
  std::set<std::string> used;
  for (const auto* revision : of_services()) {
    for (const auto* steps : {&revision->up, &revision->down}) {
      for (const auto& step : *steps) used.insert(step.target.collection);
    }
  }
  for (const auto& name : Parameters::names()) EXPECT_TRUE(used.contains(name)) << name;
  for (const auto& name : used) EXPECT_TRUE(Parameters::known(name) || name == "datasets") << name;
}

TEST(Catalogue, StepsDescribeThemselves) {
  for (const auto* revision : everything()) {
    for (const auto* steps : {&revision->up, &revision->down}) {
      visit(*steps, [&](const Step& step) { EXPECT_FALSE(ops::describe(step).empty()) << revision->file; });
    }
  }
}

}  // namespace
}  // namespace fm
