// What the doctor makes of what it reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exec/doctor_checks.h"
#include "plan/access.h"

namespace fm {
namespace {

using bson::Array;
using bson::Date;
using bson::Document;
using testing::HasSubstr;
using Level = Finding::Level;
using namespace doctor;

constexpr std::int64_t kGiB = 1LL << 30;
constexpr std::int64_t kHour = 3600000;

TEST(Doctor, Server) {
  EXPECT_EQ(judge_server("5.0.22").level, Level::kBlocker);
  EXPECT_EQ(judge_server("6.0.5").level, Level::kNote);
  EXPECT_EQ(judge_server("7.0.1").level, Level::kOk);
  EXPECT_EQ(judge_server("10.0.0").level, Level::kOk);
}

TEST(Doctor, FeatureCompatibility) {
  EXPECT_EQ(judge_feature_compatibility("6.0", "6.0.5").level, Level::kOk);
  const auto behind = judge_feature_compatibility("6.0", "7.0.2");
  EXPECT_EQ(behind.level, Level::kNote);
  EXPECT_THAT(behind.remedy, HasSubstr("setFeatureCompatibilityVersion: \"7.0\", confirm: true"));
  EXPECT_EQ(judge_feature_compatibility("5.0", "7.0.2").level, Level::kWarning);
  EXPECT_EQ(judge_feature_compatibility("7.0", "6.0.5").level, Level::kWarning);
  EXPECT_THAT(judge_feature_compatibility(std::nullopt, "6.0.5").found, HasSubstr("cannot see"));
}

TEST(Doctor, Clock) {
  EXPECT_EQ(judge_clock(0).level, Level::kOk);
  EXPECT_EQ(judge_clock(-5000).level, Level::kOk);
  EXPECT_EQ(judge_clock(5001).level, Level::kWarning);
  EXPECT_THAT(judge_clock(90000).found, HasSubstr("ahead of this host"));
  const auto behind = judge_clock(-90000);
  EXPECT_EQ(behind.level, Level::kWarning);
  EXPECT_THAT(behind.found, HasSubstr("behind this host"));
}

TEST(Doctor, Disk) {
  const auto level = [](std::int64_t free, std::int64_t total, std::int64_t database,
                        std::optional<std::int64_t> largest = std::nullopt) {
    return judge_disk({total, total - free, database, largest, "samples.a"}).level;
  };
  EXPECT_EQ(level(50 * kGiB, 100 * kGiB, 20 * kGiB), Level::kOk);
  EXPECT_EQ(level(40 * kGiB, 100 * kGiB, 20 * kGiB), Level::kOk);
  EXPECT_EQ(level(40 * kGiB - 1, 100 * kGiB, 20 * kGiB), Level::kWarning);
  // Twice the largest collection is enough, however many others there are.
  EXPECT_EQ(level(30 * kGiB, 100 * kGiB, 60 * kGiB, 15 * kGiB), Level::kOk);
  EXPECT_EQ(level(30 * kGiB, 100 * kGiB, 60 * kGiB, 16 * kGiB), Level::kWarning);
  // Few per cent of a large volume are much.
  EXPECT_EQ(level(400 * kGiB, 10000 * kGiB, 1 * kGiB), Level::kOk);
  EXPECT_EQ(level(4 * kGiB, 100 * kGiB, 3 * kGiB), Level::kBlocker);
  EXPECT_EQ(level(kGiB - 1, 100 * kGiB, 1), Level::kBlocker);
  EXPECT_EQ(level(kGiB, 100 * kGiB, 1), Level::kOk);
}

TEST(Doctor, Oplog) {
  EXPECT_EQ(judge_oplog({0, 24 * kHour, 100, 100}).level, Level::kOk);
  EXPECT_EQ(judge_oplog({0, 24 * kHour - 1, 100, 100}).level, Level::kWarning);
  // A young oplog is short because little was written.
  EXPECT_EQ(judge_oplog({0, kHour, 89, 100}).level, Level::kOk);
  EXPECT_EQ(judge_oplog({0, kHour, 90, 100}).level, Level::kWarning);
  EXPECT_EQ(judge_oplog({0, kHour, 0, 0}).level, Level::kWarning);  // size not known
}

Document member(const std::string& name, const std::string& state, std::int64_t at) {
  return {{"name", name}, {"stateStr", state}, {"optimeDate", Date{at}}};
}

Document members(Array list, std::int32_t majority) {
  return {{"members", std::move(list)}, {"writeMajorityCount", majority}};
}

TEST(Doctor, Members) {
  const auto primary = member("a:1", "PRIMARY", 1000000);
  EXPECT_EQ(judge_members(members({primary}, 1)).level, Level::kOk);
  EXPECT_EQ(judge_members(members({primary, member("b:1", "SECONDARY", 940000)}, 2)).level, Level::kOk);
  const auto lagging = judge_members(members({primary, member("b:1", "SECONDARY", 939999)}, 2));
  EXPECT_EQ(lagging.level, Level::kWarning);
  EXPECT_THAT(lagging.found, HasSubstr("b:1 SECONDARY, 1 min 00 s behind"));
  const auto down = member("b:1", "(not reachable/healthy)", 0);
  EXPECT_EQ(judge_members(members({primary, down, member("c:1", "SECONDARY", 1000000)}, 2)).level, Level::kWarning);
  const auto no_majority = judge_members(members({primary, down, member("c:1", "ARBITER", 0)}, 2));
  EXPECT_EQ(no_majority.level, Level::kBlocker);
  EXPECT_THAT(no_majority.remedy, HasSubstr("wait for 2 members with data and 1 can answer"));
}

TEST(Doctor, Topology) {
  EXPECT_EQ(judge_topology({}).found, "standalone server");
  EXPECT_EQ(judge_topology({{"setName", "rs"}, {"primary", "a:1"}}).found, "replica set rs, primary a:1");
  const auto secondary =
      judge_topology({{"setName", "rs"}, {"primary", "a:1"}, {"me", "b:2"}, {"isWritablePrimary", false}});
  EXPECT_EQ(secondary.level, Level::kBlocker);
  EXPECT_EQ(secondary.found, "replica set rs, seen through b:2, which is not its primary (that is a:1)");
  EXPECT_THAT(judge_topology({{"msg", "isdbgrid"}}).found, HasSubstr("sharded"));
}

TEST(Doctor, DatabaseNewerThanTheProgram) {
  const auto& catalogue = built_in_catalogue();
  const auto level = [&](const char* version) {
    Heads heads;
    heads.database = version;
    return judge_database(heads, catalogue).level;
  };
  EXPECT_EQ(level("1.4.1"), Level::kOk);
  EXPECT_EQ(level(catalogue.client.c_str()), Level::kOk);
  EXPECT_EQ(level("1.99.0"), Level::kNote);
  EXPECT_EQ(level("2.0.0"), Level::kBlocker);
  EXPECT_EQ(level("abc"), Level::kBlocker);
}

TEST(Access, VersionsThatOpenADatabase) {
  const auto open = [](const char* version) { return clients_that_open(built_in_catalogue(), version); };
  EXPECT_EQ(open("1.22.1"), "1.4.0 and later, below 2");
  EXPECT_EQ(open("1.1.0"), "1.1.0 and later, below 2");
  EXPECT_EQ(open("1.0.2"), "1.0.1 and later, below 2");
  EXPECT_EQ(open("0.25.2"), "1.0.1 and later, below 2, and 0.25.2");
  EXPECT_EQ(open("0.22.3"), "0.22.2 and later, below 2");
  EXPECT_EQ(open("0.19.1"), "0.19.0 and later, below 2");
  EXPECT_EQ(open("0.16.5"), "0.16.6 and later, below 0.17, and 0.16.5");
  EXPECT_EQ(open("0.16.6"), "0.16.6 and later, below 0.19");
  EXPECT_EQ(open("0.18.0"), "0.18.0 and later, below 0.19");
  EXPECT_EQ(open("0.14.4"), "0.14.4 only");
  EXPECT_EQ(open("2.0.0"), "2.0.0 only");
  EXPECT_EQ(open("abc"), "no version that is known");
}

// As the constants and the runners of these releases have it.
TEST(Access, DatabasesThatAClientOpens) {
  const auto refused = [](const char* client, const char* database) {
    return client_refused(client, "fiftyone", database, "fiftyone").value_or("");
  };
  for (const auto& [client, database] :
       std::initializer_list<std::pair<const char*, const char*>>{{"0.16.3", "0.16.3"},
                                                                  {"0.16.6", "0.16.3"},
                                                                  {"0.17.0", "0.16.6"},
                                                                  {"0.17.2", "0.17.0"},
                                                                  {"0.18.0", "0.16.6"},
                                                                  {"0.18.0", "0.17.2"},
                                                                  {"0.19.0", "0.19.1"},
                                                                  {"0.19.1", "0.19.0"},
                                                                  {"0.21.0", "0.20.1"},
                                                                  {"0.21.6", "0.21.1"},
                                                                  {"0.23.8", "0.23.0"},
                                                                  {"0.25.2", "0.24.1"},
                                                                  {"1.0.0", "0.24.0"},
                                                                  {"1.22.1", "0.19.0"},
                                                                  {"1.4.0", "1.22.1"}}) {
    EXPECT_EQ(refused(client, database), "") << client << " " << database;
  }
  for (const auto& [client, database] :
       std::initializer_list<std::pair<const char*, const char*>>{{"0.16.5", "0.16.3"},
                                                                  {"0.17.0", "0.16.5"},
                                                                  {"0.17.2", "0.18.0"},
                                                                  {"0.18.0", "0.19.0"},
                                                                  {"0.19.0", "0.18.0"},
                                                                  {"0.19.1", "0.20.0"},
                                                                  {"0.22.1", "0.22.0"},
                                                                  {"0.25.2", "0.25.0"},
                                                                  {"1.3.2", "1.4.0"},
                                                                  {"1.22.1", "0.18.0"}}) {
    EXPECT_NE(refused(client, database), "") << client << " " << database;
  }
  EXPECT_EQ(refused("0.16.2", "0.17.0"),
            "Cannot connect to database v0.17.0 with client v0.16.2. See "
            "https://voxel51.com/docs/fiftyone/user_guide/config.html#database-migrations for more information");
  EXPECT_EQ(refused("0.19.1", "0.18.0"),
            "Cannot connect to database v0.18.0 with client v0.19.1 (compatibility >=0.19,<0.20). See "
            "https://docs.voxel51.com/user_guide/config.html#database-migrations for more information");
}

}  // namespace
}  // namespace fm
