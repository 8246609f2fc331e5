// Services beside datasets: what is planned, what the files of a catalogue may
// say, and what the new operations do to a document.
#include "plan/services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "revisions/lint.h"
#include "revisions/version_map.h"
#include "revisions/yaml.h"
#include "unit/json.h"
#include "unit/steps.h"

namespace fm {
namespace {

using bson::Document;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> ids(const ServiceRoute& route) {
  std::vector<std::string> out;
  for (const auto* revision : route.route.revisions) out.push_back(revision->id);
  return out;
}

ServiceHead head(Service service, std::optional<std::string> version) { return {service, std::move(version)}; }

ServicesRequest request(std::string target, bool explicit_target = true) {
  return {{Service::kCas, Service::kHub, Service::kEnterprise}, std::move(target), explicit_target, std::nullopt};
}

std::vector<std::string> names(const std::vector<ServiceRoute>& routes) {
  std::vector<std::string> out;
  for (const auto& route : routes) out.emplace_back(name_of(route.service));
  return out;
}

TEST(ServiceRoutes, RunWhatIsBetween) {
  const auto& catalogue = built_in_catalogue();
  EXPECT_THAT(ids(service_route(catalogue, Service::kHub, "1.2.0", "1.5.0")), ElementsAre("1.3.0", "1.4.0", "1.5.0"));
  EXPECT_THAT(ids(service_route(catalogue, Service::kHub, "1.5.0", "1.2.0")), ElementsAre("1.5.0", "1.4.0", "1.3.0"));
  EXPECT_THAT(ids(service_route(catalogue, Service::kHub, "1.5.0", "1.5.0")), testing::IsEmpty());
  EXPECT_THAT(ids(service_route(catalogue, Service::kCas, std::nullopt, "2.0.0")),
              ElementsAre("1.6.0", "1.6.0-groups", "2.0.0"));
  EXPECT_FALSE(service_route(catalogue, Service::kCas, "2.0.0", "1.6.0").leaves);
  EXPECT_TRUE(service_route(catalogue, Service::kCas, "2.0.0", "1.5.10").leaves);
}

TEST(ServicePlans, GoUpInOneOrderAndDownInTheOther) {
  const auto& catalogue = built_in_catalogue();
  const std::vector<ServiceHead> heads = {head(Service::kEnterprise, "2.12.0"), head(Service::kHub, "2.12.0"),
                                          head(Service::kCas, "2.12.0")};
  auto plan = plan_services(catalogue, heads, request("2.13.0"));
  EXPECT_THAT(names(plan.up), ElementsAre("cas", "hub", "enterprise"));
  EXPECT_TRUE(plan.down.empty());
  plan = plan_services(catalogue, heads, request("2.11.0"));
  EXPECT_THAT(names(plan.down), ElementsAre("enterprise", "hub", "cas"));
  EXPECT_TRUE(plan.up.empty());
  // Without a version nothing goes down.
  EXPECT_TRUE(plan_services(catalogue, heads, request("2.11.0", false)).nothing_to_do());
  EXPECT_TRUE(plan_services(catalogue, heads, request("2.12.0")).nothing_to_do());
}

TEST(ServicePlans, WhatIsNotKnown) {
  const auto& catalogue = built_in_catalogue();
  auto cas = head(Service::kCas, std::nullopt);
  cas.guessed = true;
  auto asked = request("2.13.0");
  asked.deployment = "2.16.0";
  // On the way down it is taken for what the database is at.
  auto plan = plan_services(catalogue, {cas}, asked);
  ASSERT_EQ(plan.down.size(), 1u);
  EXPECT_EQ(plan.down[0].route.from, "2.16.0");
  // On the way up everything runs.
  asked.deployment = "2.12.0";
  plan = plan_services(catalogue, {cas}, asked);
  ASSERT_EQ(plan.up.size(), 1u);
  EXPECT_EQ(plan.up[0].route.from, "");
  EXPECT_EQ(ids(plan.up[0]).front(), "1.6.0");

  cas.present = false;
  EXPECT_TRUE(plan_services(catalogue, {cas}, asked).nothing_to_do());
  // Left behind below its first version: everything runs again.
  cas.version = "1.5.0";
  ASSERT_EQ(plan_services(catalogue, {cas}, asked).up.size(), 1u);
  EXPECT_EQ(ids(plan_services(catalogue, {cas}, asked).up[0]).front(), "1.6.0");
  EXPECT_TRUE(plan_services(catalogue, {cas}, request("1.5.0")).nothing_to_do());
  // What is guessed and there is written down.
  auto hub = head(Service::kHub, "2.13.0");
  hub.guessed = true;
  EXPECT_EQ(plan_services(catalogue, {hub}, asked).up.size(), 1u);
}

TEST(DeploymentNumbers, OrderAllVersions) {
  EXPECT_EQ(VersionMap::deployment_number("0.13.2").str(), "1.3.2");
  EXPECT_EQ(VersionMap::deployment_number("0.9.0").str(), "0.9.0");
  EXPECT_EQ(VersionMap::deployment_number("v2.15").str(), "2.15");
  EXPECT_LT(VersionMap::deployment_number("0.9.2"), VersionMap::deployment_number("0.10.0"));
}

TEST(Collections, AreParameters) {
  Parameters parameters;
  EXPECT_EQ(parameters.collection("cas.groups"), "groups");
  EXPECT_EQ(parameters.collection("own"), "own");
  parameters.set("cas.groups", "teams");
  EXPECT_EQ(parameters.collection("cas.groups"), "teams");
  EXPECT_EQ(parameters.of(Service::kCas).at("cas.groups"), "teams");
  EXPECT_THROW(parameters.set("cas.group", "x"), Error);
  EXPECT_THROW(parameters.set("cas.groups", ""), Error);
}

Document edited(std::string_view step, std::string_view doc) {
  StepRunner runner;
  auto out = json(doc);
  ops::apply_to_member(parse(step), out, runner.context);
  return out;
}

TEST(Rename, InPlace) {
  const auto* step = R"({"rename": {"from": "a", "to": "b", "in_place": true}, "over": "cas.orgs"})";
  EXPECT_EQ(edited(step, R"({"_id": 1, "a": 2, "z": 3})"), json(R"({"_id": 1, "b": 2, "z": 3})"));
  EXPECT_EQ(edited(step, R"({"_id": 1, "a": 2, "b": 3})"), json(R"({"_id": 1, "a": 2, "b": 3})"));
  EXPECT_EQ(edited(step, R"({"_id": 1})"), json(R"({"_id": 1})"));
}

TEST(MapValue, Entries) {
  StepRunner runner;
  auto doc = json(R"({"_id": 1, "users": {"a.b@c": "TAG", "x": "EDIT", "y": 5}})");
  ops::apply_to_member(
      parse(
          R"({"map_value": {"path": "users", "table": {"TAG": "VIEW"}, "entries": true}, "over": "enterprise.permissions"})"),
      doc, runner.context);
  EXPECT_EQ(doc, json(R"({"_id": 1, "users": {"a.b@c": "VIEW", "x": "EDIT", "y": 5}})"));
  EXPECT_THAT(runner.displaced(), ElementsAre("users.a.b@c: \"TAG\" -> \"VIEW\", lost"));
}

TEST(Principal, UpAndDown) {
  const auto* up =
      R"({"custom": {"function": "principal", "user": "user_id", "principal": "principal", "up": true}, "over": "hub.api_keys"})";
  const auto* down =
      R"({"custom": {"function": "principal", "user": "user_id", "principal": "principal"}, "over": "hub.api_keys"})";
  const auto* old = R"({"_id": 1, "user_id": "u", "z": 1})";
  const auto* now = R"({"_id": 1, "principal": {"kind": "user", "id": "u"}, "z": 1})";
  EXPECT_EQ(edited(up, old), json(now));
  EXPECT_EQ(edited(up, now), json(now));
  EXPECT_EQ(edited(down, now), json(old));
  EXPECT_EQ(edited(down, old), json(old));
  const auto* robot = R"({"_id": 1, "principal": {"kind": "service_account", "id": "s"}})";
  EXPECT_EQ(edited(down, robot), json(robot));
  const auto* odd = R"({"_id": 1, "user_id": 5, "principal": "x"})";
  EXPECT_EQ(edited(up, odd), json(odd));
  EXPECT_EQ(edited(down, odd), json(odd));
}

TEST(ShortName, CutsAndStaysUnique) {
  const auto* step = R"({"custom": {"function": "short_name", "most": 100}, "over": {"collection": "datasets"}})";
  const std::string name(300, 'n');
  const auto one = edited(step, "{\"_id\": 1, \"name\": \"" + name + "\", \"slug\": \"x\"}");
  const auto two = edited(step, "{\"_id\": 2, \"name\": \"" + name + "\"}");
  EXPECT_EQ(one.find("name")->as<std::string>()->size(), 100u);
  EXPECT_EQ(*one.find("slug"), *one.find("name"));
  EXPECT_FALSE(two.has("slug"));
  EXPECT_FALSE(*one.find("name") == *two.find("name"));
  const std::string fits(100, 'n');
  const auto short_one = json("{\"_id\": 1, \"name\": \"" + fits + "\"}");
  EXPECT_EQ(edited(step, "{\"_id\": 1, \"name\": \"" + fits + "\"}"), short_one);
}

// ---- Files of a deployment.

class CatalogueFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("fm-catalogue-" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "hub");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& file, const std::string& version, const std::string& rest) {
    std::filesystem::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << "version: " << version << "\ntitle: t\nsource: ours\ndown_label: exact\n" << rest;
  }
  std::string error() {
    try {
      built_in_catalogue().with_directory(folder_);
      return "accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Exit::kUsage);
      return e.what();
    }
  }

  std::filesystem::path folder_;
};

TEST_F(CatalogueFolder, IsMergedByVersion) {
  write("hub/1.3.0-own.yaml", "1.3.0", "up:\n  - set_default: {path: x, value: 1}\n    over: {collection: things}\n");
  const auto merged = built_in_catalogue().with_directory(folder_);
  EXPECT_THAT(ids(service_route(merged, Service::kHub, "1.2.0", "1.4.0")), ElementsAre("1.3.0", "1.3.0-own", "1.4.0"));
  EXPECT_EQ(merged.cas.size(), built_in_catalogue().cas.size());
}

TEST_F(CatalogueFolder, RefusesWhatIsWrong) {
  EXPECT_EQ(error(), "accepted");
  const auto refuses = [&](const std::string& file, const std::string& version, const std::string& rest,
                           const std::string& text) {
    write(file, version, rest);
    EXPECT_THAT(error(), HasSubstr(text));
    std::filesystem::remove(folder_ / file);
  };
  const std::string step = "up:\n  - set_default: {path: x, value: 1}\n    over: hub.secrets\n";
  refuses("hub/1.3.0.yaml", "1.3.0", step, "1.3.0.yaml:1:1: the revision 1.3.0 is there already, in hub/1.3.0.yaml");
  refuses("hub/own.yaml", "1.3.0", step, "own.yaml:1:1: the file is not named after its version, 1.3.0");
  refuses("hub/1.3.1.yaml", "1.3.1", "up:\n  - teleport: {}\n    over: hub.secrets\n",
          "1.3.1.yaml:6:5: unknown operation 'teleport'");
  refuses("hub/1.3.1.yaml", "1.3.1", "up:\n  - unset: {path: x}\n    over: hub.secrets\n",
          "the way down cannot be derived");
  refuses("hub/1.3.1.yaml", "1.3.1", "up:\n  - unset: {path: x}\ndown: []\n",
          "1.3.1.yaml:6:5: a step of hub names a collection");
  refuses("hub/1.3.1.yaml", "1.3.1", "up:\n  - unset: {path: x}\n    over: hub.secret\ndown: []\n",
          "unknown collection 'hub.secret'");
  refuses("hub/1.3.1.yaml", "1.3.1", "up: [\n", "1.3.1.yaml:");
  refuses("hub/1.3.1.yml", "1.3.1", step, "does not end in .yaml");
  refuses("hubs/1.3.1.yaml", "1.3.1", step, "is no folder of a service");
  std::filesystem::remove_all(folder_ / "hubs");
  refuses("datasets/1.4.0-own.yaml", "1.4.0", step, "datasets have no collection 'hub.secrets'");
  std::filesystem::remove_all(folder_);
  EXPECT_THAT(error(), HasSubstr("Cannot read the catalogue"));
}

TEST(Lint, FindsWhatIsUnsafe) {
  const auto found = [](const std::string& label, const std::string& rest) {
    const auto text = "version: 2.3.0\ntitle: t\nsource: s\ndown_label: " + label + "\n" + rest;
    const auto all = faults(Service::kHub, parse_revision("hub/2.3.0.yaml", text, Service::kHub));
    return all.empty() ? std::string("clean") : all.front();
  };
  EXPECT_EQ(found("exact", "up:\n  - set_default: {path: x, value: 1}\n    over: hub.secrets\n"), "clean");
  EXPECT_THAT(found("lossy", "up: []\ndown:\n  - remove_documents: {}\n    over: hub.secrets\n"),
              HasSubstr("hub/2.3.0.yaml:7:5: unsafe: without a 'filter'"));
  EXPECT_THAT(found("exact", "up:\n  - compute: {path: x, from: now}\n    over: hub.secrets\ndown: []\n"),
              HasSubstr("2.3.0.yaml:6:5: unsafe: x would be another value each time"));
  EXPECT_THAT(found("exact", "up:\n  - index: {keys: {x: 1}}\n    over: hub.secrets\ndown: []\n"),
              HasSubstr("2.3.0.yaml:6:5: the way down does not drop the index x_1"));
  EXPECT_THAT(found("exact", "up: []\ndown:\n  - unset: {path: x}\n    over: hub.secrets\n"),
              HasSubstr("2.3.0.yaml:7:5: labelled exact, but x may be lost"));
  const auto sdk = parse_revision(
      "hub/0.13.0.yaml", "version: 0.13.0\ntitle: t\nsource: s\ndown_label: exact\nup: []\ndown: []\n", Service::kHub);
  EXPECT_THAT(faults(Service::kHub, sdk), ElementsAre(HasSubstr("number of the deployment: 1.3.0")));
}

}  // namespace
}  // namespace fm
