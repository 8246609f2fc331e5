// Other clients that write to a dataset's document while it is migrated.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "exec/batch.h"
#include "property/collections.h"

namespace fm {
namespace {

using bson::Document;

class Concurrent : public testing::Test {
 protected:
  Concurrent() : facts_{kNow, ops::IdGenerator(kNow, "seed"), {}} {
    fill("datasets", {Document{{"_id", kDatasetId}, {"name", "x"}, {"version", "1.0"}, {"a", 1}}});
    fill("samples.x", {Document{{"_id", 1}, {"a", 1}}, Document{{"_id", 2}}});
  }

  void steps(const std::vector<const char*>& texts) {
    for (const auto* text : texts) revision_.up.push_back(ops::parse_step(json(text), 0));
  }

  static void write(const char* update) {
    EXPECT_EQ(test_server().update("datasets", {Update(Document{{"_id", kDatasetId}}, json(update))}), 1);
  }

  std::vector<BatchRunner::Result> results_;
  RunFacts facts_;
  Revision revision_;
  Route route_{"1.0", "2.0", Direction::kUp, {&revision_}, true};
  std::vector<BatchRunner::Item> items_{{kDatasetId, &route_}};
  std::function<void(BatchRunner::Result)> keep_ = [this](BatchRunner::Result result) {
    results_.push_back(std::move(result));
  };
};

TEST_F(Concurrent, AChangeAfterTheSurveyIsKept) {
  steps({R"({"rename": {"from": "a", "to": "b"}})"});
  BatchRunner runner(test_server(), built_in_catalogue(), facts_, {});
  runner.survey(items_, [](const BatchRunner::Result&) {});
  write(R"({"$set": {"info": "new", "a": 2}})");
  runner.run(items_, keep_);
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_FALSE(results_[0].failure);
  EXPECT_EQ(
      stored("datasets"),
      std::vector<Document>{json(
          R"({"_id": {"$oid": "0123456789abcdef01234567"}, "name": "x", "version": "2.0", "info": "new", "b": 2})")});
}

TEST_F(Concurrent, AChangeWhileItIsParkedIsKept) {
  steps({R"({"rename": {"from": "a", "to": "b"}})", R"({"rename": {"from": "a", "to": "b"}, "over": "samples"})"});
  write(R"({"$set": {"sample_collection_name": "samples.x"}})");
  BatchSettings settings;
  int changes = 0;
  settings.passes.progress = [&](const std::string&, std::int64_t, std::int64_t) {
    if (++changes == 1) write(R"({"$set": {"info": "new"}})");
  };
  BatchRunner runner(test_server(), built_in_catalogue(), facts_, settings);
  runner.run(items_, keep_);
  EXPECT_GE(changes, 1);
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_FALSE(results_[0].failure);
  const auto dataset = stored("datasets").at(0);
  EXPECT_EQ(*dataset.find("info"), bson::Value("new"));
  EXPECT_EQ(*dataset.find("b"), bson::Value(1));
  EXPECT_EQ(*dataset.find("version"), bson::Value("2.0"));
  EXPECT_EQ(*stored("samples.x").at(0).find("b"), bson::Value(1));
}

TEST_F(Concurrent, ADatasetThatIsDeletedIsNoFailure) {
  steps({R"({"rename": {"from": "a", "to": "b"}})"});
  BatchRunner runner(test_server(), built_in_catalogue(), facts_, {});
  runner.survey(items_, [](const BatchRunner::Result&) {});
  test_server().remove("datasets", {kDatasetId});
  runner.run(items_, keep_);
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_TRUE(results_[0].gone);
  EXPECT_TRUE(stored("datasets").empty());
}

}  // namespace
}  // namespace fm
