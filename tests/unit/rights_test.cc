// Rights as the server tells and refuses them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exec/rights.h"
#include "store/denied.h"

namespace fm {
namespace {

using bson::Array;
using bson::Document;
using bson::Value;
using testing::ElementsAre;
using testing::IsEmpty;

Privileges user(Array privileges) {
  return Privileges(Document{{"authInfo", Document{{"authenticatedUsers", Array{Document{{"user", "me"}, {"db", "x"}}}},
                                                   {"authenticatedUserPrivileges", std::move(privileges)}}}});
}

Document grant(Document resource, Array actions) {
  return {{"resource", std::move(resource)}, {"actions", std::move(actions)}};
}

Array all() {
  Array out;
  for (const auto& right : needed_rights()) out.append(right.action);
  return out;
}

TEST(Rights, OfADatabase) {
  const Document here{{"db", "fo"}, {"collection", ""}};
  EXPECT_THAT(missing_rights(user({grant(here, all())}), "fo"), IsEmpty());
  EXPECT_THAT(missing_rights(user({grant({{"db", ""}, {"collection", ""}}, all())}), "fo"), IsEmpty());
  EXPECT_THAT(missing_rights(user({grant({{"anyResource", true}}, all())}), "fo"), IsEmpty());
  const auto count = needed_rights().size();
  EXPECT_EQ(missing_rights(user({}), "fo").size(), count);
  EXPECT_EQ(missing_rights(user({grant({{"db", "foo"}, {"collection", ""}}, all())}), "fo").size(), count);
  EXPECT_EQ(missing_rights(user({grant({{"db", "fo"}, {"collection", "datasets"}}, all())}), "fo").size(), count);
  EXPECT_EQ(missing_rights(user({grant({{"cluster", true}}, all())}), "fo").size(), count);
}

TEST(Rights, AreAddedUp) {
  auto actions = all();
  const auto last = *actions.take(actions.size() - 1).as<std::string>();
  const Document here{{"db", "fo"}, {"collection", ""}};
  EXPECT_THAT(missing_rights(user({grant(here, actions)}), "fo"), ElementsAre(last));
  EXPECT_THAT(missing_rights(user({grant(here, actions), grant(here, {last})}), "fo"), IsEmpty());
}

TEST(Rights, WithoutALoginNoneIsMissing) {
  const Privileges nobody(Document{{"authInfo", Document{{"authenticatedUsers", Array()}}}});
  EXPECT_THAT(nobody.users(), IsEmpty());
  EXPECT_THAT(missing_rights(nobody, "fo"), IsEmpty());
}

TEST(Rights, ElsewhereThanOnTheDatabase) {
  const auto one =
      user({grant({{"cluster", true}}, {"inprog"}), grant({{"db", "local"}, {"collection", "oplog.rs"}}, {"find"})});
  EXPECT_TRUE(one.on_cluster("inprog"));
  EXPECT_FALSE(one.on_cluster("find"));
  EXPECT_TRUE(one.on_collection("local", "oplog.rs", "find"));
  EXPECT_FALSE(one.on_collection("local", "system.replset", "find"));
  EXPECT_FALSE(one.on_database("local", "find"));
}

TEST(Rights, CollectionsOfTheServerAreNotAmongThose) {
  const Document here{{"db", "fo"}, {"collection", ""}};
  const auto one = user({grant(here, {"insert"}), grant({{"db", "fo"}, {"collection", "system.js"}}, {"find"})});
  EXPECT_TRUE(one.on_collection("fo", "samples.x", "insert"));
  EXPECT_FALSE(one.on_collection("fo", "system.js", "insert"));
  EXPECT_TRUE(one.on_collection("fo", "system.js", "find"));
}

TEST(Rights, RolesThatHaveWhatIsMissing) {
  EXPECT_THAT(rights_remedy("fo", "me@x", {"insert"}), testing::HasSubstr("the role readWrite on fo"));
  EXPECT_THAT(rights_remedy("fo", "me@x", {"collMod"}), testing::HasSubstr("the roles readWrite and dbAdmin on fo"));
}

TEST(Rights, ScriptEscapesNames) {
  const auto script = rights_remedy("fo", "a\"b@c@$external", {"insert"});
  EXPECT_THAT(script, testing::HasSubstr("use $external\ndb.grantRolesToUser(\"a\\\"b@c\", "));
  for (const auto& right : needed_rights()) {
    EXPECT_THAT(script, testing::HasSubstr(std::string("\"") + right.action + "\""));
  }
}

TEST(Denied, NamesRightAndPlace) {
  const auto missing = [](const std::string& text) {
    const auto denied = read_denied(text);
    return denied ? denied->missing() : "";
  };
  const std::string begin = "not authorized on fo to execute command { ";
  EXPECT_EQ(missing(begin + "find: \"datasets\", filter: {}, $db: \"fo\" }"), "the right find on fo.datasets");
  EXPECT_EQ(missing(begin + "delete: \"runs\", ordered: true }"), "the right remove on fo.runs");
  EXPECT_EQ(missing(begin + "drop: \"migrator.journal\" }"), "the right dropCollection on fo.migrator.journal");
  EXPECT_EQ(missing(begin + "dropIndexes: \"frames.x\", index: \"a\" }"), "the right dropIndex on fo.frames.x");
  EXPECT_EQ(missing(begin + "listCollections: 1, cursor: {} }"), "the right listCollections on fo");
  EXPECT_EQ(missing(begin + "update: \"datasets\", ordered: false }"),
            "one of the rights update, insert on fo.datasets");
  EXPECT_EQ(missing(begin + "aggregate: \"samples.a\", pipeline: [ { $match: {} } ] }"),
            "the right find on fo.samples.a");
  // Cut off where the driver's buffer ends: $merge may have followed.
  EXPECT_EQ(missing(begin + "aggregate: \"samples.a\", pipeline: [ { $match: {"),
            "one of the rights find, insert, update on fo.samples.a");
  EXPECT_EQ(missing("not authorized on admin to execute command { aggregate: 1, pipeline: [ { $currentOp: {} } ] }"),
            "the right inprog on admin");
  EXPECT_EQ(missing("command find requires authentication"), "");
  EXPECT_EQ(missing("not authorized on fo to execute command { "), "");
  EXPECT_EQ(missing("not authorized on fo"), "");
}

}  // namespace
}  // namespace fm
