// Which situation leads to which plan: spec runner 1, 2 and 4.2,
// docs/architecture.md "Versions, editions, gates". The rows are meant to be
// looked up.
#include "plan/plan.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace fm {
namespace {

// The catalogue of client 1.22.1 without its steps.
Catalogue make_catalogue() {
  const auto revisions = [](std::initializer_list<const char*> versions) {
    std::vector<Revision> list;
    for (const char* text : versions) {
      Revision revision;
      revision.version = Version::parse(text);
      revision.text = text;
      list.push_back(std::move(revision));
    }
    return list;
  };
  Catalogue catalogue;
  catalogue.database = revisions({"0.15.0", "0.15.1"});
  catalogue.datasets = revisions({"0.6.2",  "0.6.5",  "0.7.2",  "0.7.3",  "0.7.4",  "0.8.0",  "0.9.4",  "0.11.2",
                                  "0.13.0", "0.14.0", "0.15.1", "0.16.0", "0.16.1", "0.16.3", "0.17.0", "0.18.0",
                                  "0.19.0", "0.20.0", "0.23.0", "1.0.0",  "1.1.0",  "1.4.0",  "1.13.0"});
  catalogue.client = "1.22.1";
  catalogue.compatible = Specifier::parse(">=0.19,<2");
  return catalogue;
}

const Catalogue& catalogue() {
  static const Catalogue value = make_catalogue();
  return value;
}

std::string show(const Route& route) {
  std::string text = route.from + " > " + route.to;
  if (!route.revisions.empty()) text += route.direction == Direction::kUp ? " up" : " down";
  for (const Revision* revision : route.revisions) text += " " + revision->text;
  return text;
}

std::string show(const Error& error) {
  return std::to_string(static_cast<int>(error.code())) + " " + error.type() + ": " + error.what();
}

using Lines = std::vector<std::string>;

// One line per thing planned or refused; "nothing" when there is none.
Lines show(const Plan& plan, const Heads& heads) {
  Lines lines;
  for (const Route& route : plan.database) lines.push_back("database " + show(route));
  if (plan.save_database_version) lines.push_back("database saves " + plan.database_version);
  for (const DatasetMove& move : plan.datasets) {
    lines.push_back(heads.datasets[move.head].name.value_or("(null)") + " " + show(plan.routes[move.route]));
  }
  for (const Refusal& refusal : plan.refused) lines.push_back(refusal.name + " refused " + show(refusal.error));
  EXPECT_EQ(plan.nothing_to_do(), lines.empty());
  if (plan.unchanged > 0) lines.push_back("unchanged " + std::to_string(plan.unchanged));
  return lines.empty() ? Lines{"nothing"} : lines;
}

Lines outcome(const Heads& heads, const Request& request) {
  try {
    return show(make_plan(catalogue(), heads, request), heads);
  } catch (const Error& error) {
    return {"throws " + show(error)};
  }
}

struct Row {
  std::string situation;
  Heads heads;
  Request request;
  Lines expected;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) EXPECT_EQ(outcome(row.heads, row.request), row.expected) << row.situation;
}

DatasetHead dataset(const char* name, std::optional<std::string> version) {
  DatasetHead head;
  if (name != nullptr) head.name = name;
  head.version = std::move(version);
  return head;
}

Heads found(std::optional<std::string> database, std::vector<DatasetHead> datasets = {}) {
  return {Edition::kOpenSource, std::move(database), std::move(datasets)};
}

Heads enterprise(std::optional<std::string> database, std::vector<DatasetHead> datasets = {}) {
  return {Edition::kEnterprise, std::move(database), std::move(datasets)};
}

// A request in the words of its command line: drop_in().all().to("1.0.0").
struct Ask : Request {
  Ask& to(std::string version) { return target = std::move(version), *this; }
  Ask& everything() { return all = true, *this; }
  Ask& only(std::vector<std::string> these) { return names = std::move(these), *this; }
  Ask& as_admin(bool value) { return admin = value, *this; }
  Ask& with_migrations_disabled() { return disabled = true, *this; }
  Ask& with_services_disabled() { return services_disabled = true, *this; }
};

Ask drop_in() {
  Ask ask;
  ask.command = Request::Command::kDropIn;
  return ask;
}

Ask migrate() { return {}; }

const std::string kSeeDocs =
    "See https://docs.voxel51.com/user_guide/config.html#database-migrations for more information";

std::string too_new(const std::string& newest, const std::string& from, const std::string& to) {
  return "14 OSError: You must have fiftyone>=" + newest + " installed in order to migrate from v" + from + " to v" +
         to +
         ", but you are currently running fiftyone==1.22.1.\n\nSee "
         "https://docs.voxel51.com/getting_started/install.html#downgrading-fiftyone for information about "
         "downgrading FiftyOne.";
}

std::string cannot_connect(const std::string& head) {
  return "14 OSError: Cannot connect to database v" + head + " with client v1.22.1 (compatibility >=0.19,<2). " +
         kSeeDocs;
}

std::string database_not_admin(const std::string& from, const std::string& to) {
  return "13 OSError: Cannot migrate database from v" + from + " to v" + to + " when database_admin=False. " + kSeeDocs;
}

std::string dataset_not_admin(const std::string& name, const std::string& from, const std::string& to) {
  return "13 OSError: Cannot migrate dataset '" + name + "' from v" + from + " to v" + to +
         " when database_admin=False." + kSeeDocs;
}

// fiftyone-migrator says where the version stands.
const std::string kInConfig = " is stored as the version of the database, in its collection 'config'";
const std::string kOfDatasetA = " is stored as the version of dataset 'a'";

std::string invalid(const std::string& text) {
  return "14 packaging.version.InvalidVersion: Invalid version: '" + text + "'";
}

std::string not_found(const std::string& name) {
  return "10 fiftyone.core.dataset.DatasetNotFoundError: Dataset " + name + " not found";
}

std::string parked(const std::string& name) {
  return "16 RuntimeError: Dataset '" + name + "' is half-way through a migration, which has to be finished first";
}

// --- Which revisions run (spec runner 1.2, 1.4) ---

TEST(Route, RunsWhatLiesBetween) {
  const struct {
    const char* situation;
    const char* from;
    const char* to;
    const char* expected;
  } rows[] = {
      {"up: after the head, up to and with the target", "1.0.0", "1.4.0", "1.0.0 > 1.4.0 up 1.1.0 1.4.0"},
      {"down: with the head, the target's own stays", "1.4.0", "1.0.0", "1.4.0 > 1.0.0 down 1.4.0 1.1.0"},
      {"between revisions", "0.22.1", "1.3.0", "0.22.1 > 1.3.0 up 0.23.0 1.0.0 1.1.0"},
      {"none between", "1.14.0", "1.22.1", "1.14.0 > 1.22.1"},
      {"all, up", "0.0", "1.22.1",
       "0.0 > 1.22.1 up 0.6.2 0.6.5 0.7.2 0.7.3 0.7.4 0.8.0 0.9.4 0.11.2 0.13.0 0.14.0 0.15.1 0.16.0 0.16.1 0.16.3 "
       "0.17.0 0.18.0 0.19.0 0.20.0 0.23.0 1.0.0 1.1.0 1.4.0 1.13.0"},
      {"all, down", "1.22.1", "0.6.1",
       "1.22.1 > 0.6.1 down 1.13.0 1.4.0 1.1.0 1.0.0 0.23.0 0.20.0 0.19.0 0.18.0 0.17.0 0.16.3 0.16.1 0.16.0 0.15.1 "
       "0.14.0 0.13.0 0.11.2 0.9.4 0.8.0 0.7.4 0.7.3 0.7.2 0.6.5 0.6.2"},
      {"a release candidate counts as its release", "1.0.0rc1", "1.1.0.dev3", "1.0.0rc1 > 1.1.0.dev3 up 1.1.0"},
      {"post and local parts do not count", "1.0.0.post1", "1.1.0+local", "1.0.0.post1 > 1.1.0+local up 1.1.0"},
      {"trailing zeros do not count", "1.0", "1.0.0", "1.0 > 1.0.0"},
      {"the text stays as typed", "v1.0.0", " 1.4 ", "v1.0.0 >  1.4  up 1.1.0 1.4.0"},
      {"four parts are more than three", "0.7.1.3", "0.7.2", "0.7.1.3 > 0.7.2 up 0.7.2"},
      {"numbers, not text", "0.9.4", "0.11.2", "0.9.4 > 0.11.2 up 0.11.2"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(show(make_route(catalogue(), catalogue().datasets, row.from, row.to)), row.expected) << row.situation;
  }
}

TEST(Route, DatabaseAndDatasetListsAreIndependent) {
  EXPECT_EQ(show(make_route(catalogue(), catalogue().database, "0.14.4", "1.22.1")),
            "0.14.4 > 1.22.1 up 0.15.0 0.15.1");
  EXPECT_EQ(show(make_route(catalogue(), catalogue().database, "1.22.1", "0.15.0")), "1.22.1 > 0.15.0 down 0.15.1");
}

TEST(Route, EqualBaseVersionsAreUp) {
  EXPECT_EQ(make_route(catalogue(), catalogue().datasets, "1.0", "1.0.0").direction, Direction::kUp);
}

TEST(Route, RefusesWhatIsNewerThanTheClient) {
  const auto error = [](const char* from, const char* to) {
    try {
      make_route(catalogue(), catalogue().datasets, from, to);
    } catch (const Error& e) {
      return show(e);
    }
    return std::string("none");
  };
  EXPECT_EQ(error("1.23.0", "1.0.0"), too_new("1.23.0", "1.23.0", "1.0.0"));
  EXPECT_EQ(error("1.0.0", "1.22.2rc1"), too_new("1.22.2", "1.0.0", "1.22.2")) << "printed as base versions";
  EXPECT_EQ(error("1.22.2", "2.0"), too_new("2.0", "1.22.2", "2.0")) << "also with no revision between";
  EXPECT_EQ(error("1.0.0", "1!0.1"), too_new("1!0.1", "1.0.0", "1!0.1")) << "the epoch counts";
  EXPECT_EQ(error("1.22.1.post1", "1.22.1+x"), "none");
  EXPECT_EQ(error("abc", "xyz"), invalid("abc")) << "the head is looked at first";
  EXPECT_EQ(error("1.0.0", "xyz"), invalid("xyz"));
}

TEST(Route, DatasetsKeepTheirVersionFrom062On) {
  const auto keeps = [](const char* to) {
    return make_route(catalogue(), catalogue().datasets, "1.22.1", to).dataset_keeps_version;
  };
  EXPECT_TRUE(keeps("0.6.2"));
  EXPECT_TRUE(keeps("0.6.2rc1"));
  EXPECT_FALSE(keeps("0.6.1"));
}

// --- fiftyone migrate: connecting (spec runner 2.1, 3) ---

TEST(DropIn, Connecting) {
  check({
      {"admin, database older: lifted", found("1.0.0"), drop_in(), {"database 1.0.0 > 1.22.1"}},
      {"admin, database older, admin revisions between",
       found("0.14.0"),
       drop_in(),
       {"database 0.14.0 > 1.22.1 up 0.15.0 0.15.1"}},
      {"admin, database older and incompatible: lifted all the same",
       found("0.18.0"),
       drop_in(),
       {"database 0.18.0 > 1.22.1"}},
      {"admin, at the client's version", found("1.22.1"), drop_in(), {"unchanged 1"}},
      {"admin, another spelling of it is replaced", found("v1.22.1"), drop_in(), {"database v1.22.1 > 1.22.1"}},
      {"admin, database newer and compatible: untouched", found("1.23.0"), drop_in(), {"unchanged 1"}},
      {"admin, a newer release candidate: untouched", found("1.23.0rc1"), drop_in(), {"unchanged 1"}},
      {"admin, database newer and incompatible",
       found("2.0.0"),
       drop_in(),
       {"throws " + too_new("2.0.0", "2.0.0", "1.22.1")}},
      {"admin, a release candidate of an incompatible one",
       found("2.0.0rc1"),
       drop_in(),
       {"throws " + too_new("2.0.0", "2.0.0", "1.22.1")}},
      {"admin, unparsable", found("abc"), drop_in(), {"throws " + invalid("abc")}},
      {"admin, empty text", found(""), drop_in(), {"throws " + invalid("")}},
      {"not admin, compatible and older", found("0.19.0"), drop_in().as_admin(false), {"unchanged 1"}},
      {"not admin, compatible and newer", found("1.99"), drop_in().as_admin(false), {"unchanged 1"}},
      {"not admin, older and incompatible",
       found("0.18.0"),
       drop_in().as_admin(false),
       {"throws " + cannot_connect("0.18.0")}},
      {"not admin, release candidate of the oldest compatible",
       found("0.19.0rc1"),
       drop_in().as_admin(false),
       {"throws " + cannot_connect("0.19.0rc1")}},
      {"not admin, newer and incompatible",
       found("2.0"),
       drop_in().as_admin(false),
       {"throws " + cannot_connect("2.0")}},
      {"not admin, unparsable", found("abc"), drop_in().as_admin(false), {"throws " + cannot_connect("abc")}},
      {"the gate holds for single datasets too",
       found("2.0", {dataset("a", "1.0.0")}),
       drop_in().only({"a"}),
       {"throws " + too_new("2.0", "2.0", "1.22.1")}},
      {"no version stored: the client's is assumed and saved",
       found(std::nullopt),
       drop_in(),
       {"database saves 1.22.1", "unchanged 1"}},
      {"no version stored: saved without admin, too",
       found(std::nullopt),
       drop_in().as_admin(false),
       {"database saves 1.22.1", "unchanged 1"}},
      {"no version stored, going down", found(std::nullopt), drop_in().to("1.0.0"), {"database 1.22.1 > 1.0.0"}},
      {"migrations disabled: nothing, whatever is stored",
       found("abc", {dataset("a", "xyz")}),
       drop_in().everything().to("2.0").with_migrations_disabled(),
       {"nothing"}},
      {"migrations disabled: unknown names pass",
       found("1.0.0"),
       drop_in().only({"ghost"}).with_migrations_disabled(),
       {"nothing"}},
      {"services disabled: no lift before the command",
       found("1.0.0"),
       drop_in().to("1.1.0").with_services_disabled(),
       {"database 1.0.0 > 1.1.0"}},
      {"services disabled: the command alone still lifts",
       found("1.0.0"),
       drop_in().with_services_disabled(),
       {"database 1.0.0 > 1.22.1"}},
      {"services disabled: no gate before single datasets",
       found("2.0", {dataset("a", "0.10.0")}),
       drop_in().only({"a"}).to("1.0.0").with_services_disabled(),
       {"a 0.10.0 > 1.0.0 up 0.11.2 0.13.0 0.14.0 0.15.1 0.16.0 0.16.1 0.16.3 0.17.0 0.18.0 0.19.0 0.20.0 0.23.0 "
        "1.0.0"}},
  });
}

TEST(DropIn, DatabaseToAVersion) {
  check({
      {"-v is a downgrade from the client's version",
       found("1.22.1"),
       drop_in().to("0.15.0"),
       {"database 1.22.1 > 0.15.0 down 0.15.1"}},
      {"the lift and the command are one plan",
       found("0.14.0"),
       drop_in().to("0.15.0"),
       {"database 0.14.0 > 1.22.1 up 0.15.0 0.15.1", "database 1.22.1 > 0.15.0 down 0.15.1"}},
      {"-v with the client's version is the lift", found("1.0.0"), drop_in().to("1.22.1"), {"database 1.0.0 > 1.22.1"}},
      {"already there", found("1.22.1"), drop_in().to("1.22.1"), {"unchanged 1"}},
      {"the text is stored as typed", found("1.22.1"), drop_in().to("v1.1.0"), {"database 1.22.1 > v1.1.0"}},
      {"another spelling is stored, too", found("1.22.1"), drop_in().to("1.22.1rc1"), {"database 1.22.1 > 1.22.1rc1"}},
      {"unparsable", found("1.22.1"), drop_in().to("abc"), {"throws " + invalid("abc")}},
      {"empty", found("1.22.1"), drop_in().to(""), {"throws " + invalid("")}},
      {"newer than the client",
       found("1.22.1"),
       drop_in().to("1.23.0"),
       {"throws " + too_new("1.23.0", "1.22.1", "1.23.0")}},
      {"from a newer, compatible database",
       found("1.23.0"),
       drop_in().to("1.0.0"),
       {"throws " + too_new("1.23.0", "1.23.0", "1.0.0")}},
      {"from and to a newer, compatible version", found("1.23.0"), drop_in().to("1.23.0"), {"unchanged 1"}},
      {"not admin",
       found("1.0.0"),
       drop_in().to("1.1.0").as_admin(false),
       {"throws " + database_not_admin("1.0.0", "1.1.0")}},
      {"not admin, unparsable",
       found("1.0.0"),
       drop_in().to("abc").as_admin(false),
       {"throws " + database_not_admin("1.0.0", "abc")}},
      {"not admin, already there", found("1.0.0"), drop_in().to("1.0.0").as_admin(false), {"unchanged 1"}},
      {"the database alone: datasets stay",
       found("1.22.1", {dataset("a", "1.0.0")}),
       drop_in().to("1.1.0"),
       {"database 1.22.1 > 1.1.0"}},
  });
}

// --- fiftyone migrate: datasets (spec runner 2.2, 2.3) ---

TEST(DropIn, Datasets) {
  check({
      {"default: to the database's version, after the lift",
       found("1.0.0", {dataset("a", "1.1.0")}),
       drop_in().only({"a"}),
       {"database 1.0.0 > 1.22.1", "a 1.1.0 > 1.22.1 up 1.4.0 1.13.0"}},
      {"already there", found("1.22.1", {dataset("a", "1.22.1")}), drop_in().only({"a"}), {"unchanged 1"}},
      {"no version is 0.0",
       found("1.22.1", {dataset("a", std::nullopt)}),
       drop_in().only({"a"}).to("0.6.5"),
       {"a 0.0 > 0.6.5 up 0.6.2 0.6.5"}},
      {"no revision between: only the version",
       found("1.22.1", {dataset("a", "1.14.0")}),
       drop_in().only({"a"}),
       {"a 1.14.0 > 1.22.1"}},
      {"another spelling of the same version",
       found("1.22.1", {dataset("a", "1.0")}),
       drop_in().only({"a"}).to("1.0.0"),
       {"a 1.0 > 1.0.0"}},
      {"explicit: each by its own head",
       found("1.22.1", {dataset("a", "1.0.0"), dataset("b", "1.4.0")}),
       drop_in().only({"a", "b"}).to("1.1.0"),
       {"a 1.0.0 > 1.1.0 up 1.1.0", "b 1.4.0 > 1.1.0 down 1.4.0"}},
      {"below 0.6.2, where versions are not stored",
       found("1.22.1", {dataset("a", "0.6.5")}),
       drop_in().only({"a"}).to("0.6.0"),
       {"a 0.6.5 > 0.6.0 down 0.6.5 0.6.2"}},
      {"no version, to one that stores none: nothing",
       found("1.22.1", {dataset("a", std::nullopt)}),
       drop_in().only({"a"}).to("0.6.0"),
       {"unchanged 1"}},
      {"unparsable head",
       found("1.22.1", {dataset("a", "abc")}),
       drop_in().only({"a"}),
       {"a refused " + invalid("abc")}},
      {"unparsable head, not admin: as for an admin",
       found("1.22.1", {dataset("a", "abc")}),
       drop_in().only({"a"}).as_admin(false),
       {"a refused " + invalid("abc")}},
      {"unparsable target is a refusal of the dataset",
       found("1.22.1", {dataset("a", "1.0.0")}),
       drop_in().only({"a"}).to("abc"),
       {"a refused " + invalid("abc")}},
      {"head newer than the client and compatible: untouched",
       found("1.22.1", {dataset("a", "1.23.0")}),
       drop_in().only({"a"}),
       {"unchanged 1"}},
      {"head newer than the client and incompatible",
       found("1.22.1", {dataset("a", "2.0")}),
       drop_in().only({"a"}),
       {"a refused " + too_new("2.0", "2.0", "1.22.1")}},
      {"head newer than the client, explicit target",
       found("1.22.1", {dataset("a", "1.23.0")}),
       drop_in().only({"a"}).to("1.0.0"),
       {"a refused " + too_new("1.23.0", "1.23.0", "1.0.0")}},
      {"target newer than the client",
       found("1.22.1", {dataset("a", "1.0.0")}),
       drop_in().only({"a"}).to("1.23.0"),
       {"a refused " + too_new("1.23.0", "1.0.0", "1.23.0")}},
      {"database newer and compatible: its version is out of reach",
       found("1.23.0", {dataset("a", "1.0.0")}),
       drop_in().only({"a"}),
       {"a refused " + too_new("1.23.0", "1.0.0", "1.23.0")}},
  });
}

TEST(DropIn, DatasetsWithoutAdmin) {
  check({
      {"compatible: untouched",
       found("1.0.0", {dataset("a", "0.19.0")}),
       drop_in().only({"a"}).as_admin(false),
       {"unchanged 1"}},
      {"incompatible: to the database's version",
       found("1.0.0", {dataset("a", "0.18.0")}),
       drop_in().only({"a"}).as_admin(false),
       {"a 0.18.0 > 1.0.0 up 0.19.0 0.20.0 0.23.0 1.0.0"}},
      {"explicitly up to the database's version",
       found("1.1.0", {dataset("a", "1.0.0")}),
       drop_in().only({"a"}).to("1.1.0").as_admin(false),
       {"a 1.0.0 > 1.1.0 up 1.1.0"}},
      {"explicitly down to the database's version",
       found("1.0.0", {dataset("a", "1.1.0")}),
       drop_in().only({"a"}).to("1.0.0").as_admin(false),
       {"a 1.1.0 > 1.0.0 down 1.1.0"}},
      {"another version",
       found("1.0.0", {dataset("a", "1.0.0")}),
       drop_in().only({"a"}).to("1.1.0").as_admin(false),
       {"a refused " + dataset_not_admin("a", "1.0.0", "1.1.0")}},
      {"another spelling of the database's version is another version",
       found("1.0.0", {dataset("a", "0.20.0")}),
       drop_in().only({"a"}).to("1.0").as_admin(false),
       {"a refused " + dataset_not_admin("a", "0.20.0", "1.0")}},
      {"unparsable target",
       found("1.0.0", {dataset("a", std::nullopt)}),
       drop_in().only({"a"}).to("abc").as_admin(false),
       {"a refused " + dataset_not_admin("a", "0.0", "abc")}},
      {"the dataset is there already",
       found("1.0.0", {dataset("a", "1.1.0")}),
       drop_in().only({"a"}).to("1.1.0").as_admin(false),
       {"unchanged 1"}},
      {"--all without destination, compatible: nothing done",
       found("1.0.0", {dataset("a", "0.20.0")}),
       drop_in().everything().as_admin(false),
       {"unchanged 2"}},
      {"--all with a destination: the database is refused first",
       found("1.0.0", {dataset("a", "0.20.0")}),
       drop_in().everything().to("1.1.0").as_admin(false),
       {"throws " + database_not_admin("1.0.0", "1.1.0")}},
      {"--all to the database's version",
       found("1.0.0", {dataset("a", "0.20.0")}),
       drop_in().everything().to("1.0.0").as_admin(false),
       {"a 0.20.0 > 1.0.0 up 0.23.0 1.0.0", "unchanged 1"}},
  });
}

TEST(DropIn, Names) {
  check({
      {"in the order given",
       found("1.22.1", {dataset("a", "1.4.0"), dataset("b", "1.4.0")}),
       drop_in().only({"b", "a"}),
       {"b 1.4.0 > 1.22.1 up 1.13.0", "a 1.4.0 > 1.22.1 up 1.13.0"}},
      {"given twice: the second has nothing to do",
       found("1.22.1", {dataset("a", "1.4.0")}),
       drop_in().only({"a", "a"}),
       {"a 1.4.0 > 1.22.1 up 1.13.0"}},
      {"unknown, and the others go",
       found("1.22.1", {dataset("a", "1.4.0")}),
       drop_in().only({"ghost", "a"}),
       {"a 1.4.0 > 1.22.1 up 1.13.0", "ghost refused " + not_found("ghost")}},
      {"unknown twice: said twice",
       found("1.22.1"),
       drop_in().only({"ghost", "ghost"}),
       {"ghost refused " + not_found("ghost"), "ghost refused " + not_found("ghost")}},
      {"unknown, and the database is lifted all the same",
       found("1.0.0"),
       drop_in().only({"ghost"}),
       {"database 1.0.0 > 1.22.1", "ghost refused " + not_found("ghost")}},
      {"with --all they are ignored",
       found("1.22.1", {dataset("a", "1.22.1"), dataset("b", "1.4.0")}),
       drop_in().everything().only({"a", "ghost"}),
       {"b 1.4.0 > 1.22.1 up 1.13.0", "unchanged 2"}},
      {"an empty name is a name",
       found("1.22.1", {dataset("", "1.4.0")}),
       drop_in().only({""}),
       {" 1.4.0 > 1.22.1 up 1.13.0"}},
  });
}

TEST(DropIn, All) {
  DatasetHead nameless = dataset(nullptr, "1.4.0");
  nameless.has_name_key = false;
  check({
      {"the database first, then all datasets to its version",
       found("0.14.0", {dataset("a", "1.4.0"), dataset("b", "1.22.1")}),
       drop_in().everything(),
       {"database 0.14.0 > 1.22.1 up 0.15.0 0.15.1", "a 1.4.0 > 1.22.1 up 1.13.0", "unchanged 1"}},
      {"to a version",
       found("1.22.1", {dataset("a", "1.4.0"), dataset("b", "1.0.0")}),
       drop_in().everything().to("1.1.0"),
       {"database 1.22.1 > 1.1.0", "a 1.4.0 > 1.1.0 down 1.4.0", "b 1.0.0 > 1.1.0 up 1.1.0"}},
      {"code-point order, null last",
       found("1.22.1", {dataset(nullptr, "1.4.0"), dataset("\xF0\x9F\x90\x88", "1.4.0"),  // U+1F408
                        dataset("\xEF\xBF\xBD", "1.4.0"),                                 // U+FFFD
                        dataset("b", "1.4.0"), dataset("B", "1.4.0"), dataset("a", "1.4.0"), dataset("aa", "1.4.0"),
                        dataset("", "1.4.0")}),
       drop_in().everything(),
       {" 1.4.0 > 1.22.1 up 1.13.0", "B 1.4.0 > 1.22.1 up 1.13.0", "a 1.4.0 > 1.22.1 up 1.13.0",
        "aa 1.4.0 > 1.22.1 up 1.13.0", "b 1.4.0 > 1.22.1 up 1.13.0", "\xEF\xBF\xBD 1.4.0 > 1.22.1 up 1.13.0",
        "\xF0\x9F\x90\x88 1.4.0 > 1.22.1 up 1.13.0", "(null) 1.4.0 > 1.22.1 up 1.13.0", "unchanged 1"}},
      {"documents without the name key are left out",
       found("1.22.1", {nameless, dataset("a", "1.4.0")}),
       drop_in().everything(),
       {"a 1.4.0 > 1.22.1 up 1.13.0", "unchanged 1"}},
      {"a refused dataset does not stop the rest",
       found("1.22.1", {dataset("a", "abc"), dataset("b", "1.4.0"), dataset("c", "2.0")}),
       drop_in().everything(),
       {"b 1.4.0 > 1.22.1 up 1.13.0", "a refused " + invalid("abc"), "c refused " + too_new("2.0", "2.0", "1.22.1"),
        "unchanged 1"}},
      {"documents of one name go by their own heads",
       found("1.22.1", {dataset("a", "1.4.0"), dataset("a", "1.1.0")}),
       drop_in().everything(),
       {"a 1.4.0 > 1.22.1 up 1.13.0", "a 1.1.0 > 1.22.1 up 1.4.0 1.13.0", "unchanged 1"}},
      {"datasets follow a database that is taken down",
       found("1.22.1", {dataset("a", "1.22.1")}),
       drop_in().everything().to("1.4.0"),
       {"database 1.22.1 > 1.4.0", "a 1.22.1 > 1.4.0 down 1.13.0"}},
      {"unparsable destination: nothing is planned",
       found("1.22.1", {dataset("a", "1.4.0")}),
       drop_in().everything().to("abc"),
       {"throws " + invalid("abc")}},
  });
}

TEST(DropIn, Enterprise) {
  check({
      {"unset is not admin: compatible is untouched",
       enterprise("1.18.0", {dataset("a", "1.0.0")}),
       drop_in().everything(),
       {"unchanged 2"}},
      {"unset is not admin: no explicit migration",
       enterprise("1.18.0"),
       drop_in().to("1.19.0"),
       {"throws " + database_not_admin("1.18.0", "1.19.0")}},
      {"unset is not admin: incompatible is refused",
       enterprise("0.18.0"),
       drop_in(),
       {"throws " + cannot_connect("0.18.0")}},
      {"admin: never lifted by connecting",
       enterprise("1.18.0", {dataset("a", "1.0.0")}),
       drop_in().only({"a"}).as_admin(true),
       {"a 1.0.0 > 1.18.0 up 1.1.0 1.4.0 1.13.0"}},
      {"admin: the explicit command lifts",
       enterprise("1.18.0"),
       drop_in().as_admin(true),
       {"database 1.18.0 > 1.22.1"}},
      {"admin: the command starts at the stored version",
       enterprise("1.18.0"),
       drop_in().to("1.19.0").as_admin(true),
       {"database 1.18.0 > 1.19.0"}},
      {"admin: newer and incompatible is refused on connecting",
       enterprise("2.0", {dataset("a", "1.0.0")}),
       drop_in().only({"a"}).to("1.1.0").as_admin(true),
       {"throws " + too_new("2.0", "2.0", "1.22.1")}},
  });
}

// --- fiftyone-migrator migrate ---

TEST(Migrate, WithoutVersionNothingGoesDown) {
  check({
      {"the database and all datasets, compatible or not",
       found("1.0.0", {dataset("a", "1.4.0"), dataset("b", "0.20.0")}),
       migrate(),
       {"database 1.0.0 > 1.22.1", "a 1.4.0 > 1.22.1 up 1.13.0",
        "b 0.20.0 > 1.22.1 up 0.23.0 1.0.0 1.1.0 1.4.0 1.13.0"}},
      {"at the target", found("1.22.1", {dataset("a", "1.22.1")}), migrate(), {"unchanged 2"}},
      {"another spelling of the target is at the target",
       found("1.22.1.post1", {dataset("a", "v1.22.1")}),
       migrate(),
       {"unchanged 2"}},
      {"newer and compatible: untouched", found("1.23.0", {dataset("a", "1.99")}), migrate(), {"unchanged 2"}},
      {"older dataset under a newer, compatible database",
       found("1.23.0", {dataset("a", "1.4.0")}),
       migrate(),
       {"a 1.4.0 > 1.22.1 up 1.13.0", "unchanged 1"}},
      {"database newer and incompatible",
       found("2.0", {dataset("a", "1.4.0")}),
       migrate(),
       {"throws " + too_new("2.0", "2.0", "1.22.1")}},
      {"dataset newer and incompatible",
       found("1.22.1", {dataset("a", "2.0")}),
       migrate(),
       {"a refused " + too_new("2.0", "2.0", "1.22.1"), "unchanged 1"}},
      {"no version stored: the client's is saved",
       found(std::nullopt),
       migrate(),
       {"database saves 1.22.1", "unchanged 1"}},
      {"Enterprise: the same",
       enterprise("1.18.0", {dataset("a", "1.4.0")}),
       migrate(),
       {"database 1.18.0 > 1.22.1", "a 1.4.0 > 1.22.1 up 1.13.0"}},
  });
}

TEST(Migrate, ToAVersion) {
  check({
      {"up or down, each by its own head",
       found("1.0.0", {dataset("a", "1.4.0"), dataset("b", "1.0.0")}),
       migrate().to("1.1.0"),
       {"database 1.0.0 > 1.1.0", "a 1.4.0 > 1.1.0 down 1.4.0", "b 1.0.0 > 1.1.0 up 1.1.0"}},
      {"never lifted first", found("1.0.0"), migrate().to("0.15.0"), {"database 1.0.0 > 0.15.0 down 0.15.1"}},
      {"already there", found("1.1.0", {dataset("a", "1.1.0")}), migrate().to("1.1.0"), {"unchanged 2"}},
      {"the text is stored as typed",
       found("1.1.0", {dataset("a", "1.1.0")}),
       migrate().to("v1.1"),
       {"database 1.1.0 > v1.1", "a 1.1.0 > v1.1"}},
      {"no version stored", found(std::nullopt), migrate().to("1.0.0"), {"database 1.22.1 > 1.0.0"}},
      {"no dataset version, to one that stores none",
       found("0.6.0", {dataset("a", std::nullopt)}),
       migrate().to("0.6.0"),
       {"unchanged 2"}},
      {"unparsable target", found("1.0.0"), migrate().to("abc"), {"throws " + invalid("abc")}},
      {"target newer than the client",
       found("1.0.0"),
       migrate().to("1.23.0"),
       {"throws " + too_new("1.23.0", "1.0.0", "1.23.0")}},
      {"from a newer, compatible database",
       found("1.23.0"),
       migrate().to("1.0.0"),
       {"throws " + too_new("1.23.0", "1.23.0", "1.0.0")}},
      {"unparsable database", found("abc"), migrate().to("1.0.0"), {"throws " + invalid("abc") + kInConfig}},
      {"unparsable dataset",
       found("1.0.0", {dataset("a", "abc")}),
       migrate().to("1.0.0"),
       {"a refused " + invalid("abc") + kOfDatasetA, "unchanged 1"}},
  });
}

TEST(Migrate, Names) {
  check({
      {"the database is left alone",
       found("1.0.0", {dataset("a", "1.0.0"), dataset("b", "1.0.0")}),
       migrate().only({"b"}),
       {"b 1.0.0 > 1.22.1 up 1.1.0 1.4.0 1.13.0"}},
      {"another version than the database's",
       found("1.22.1", {dataset("a", "1.22.1")}),
       migrate().only({"a"}).to("1.4.0"),
       {"a 1.22.1 > 1.4.0 down 1.13.0"}},
      {"no version stored: none saved",
       found(std::nullopt, {dataset("a", "1.22.1")}),
       migrate().only({"a"}),
       {"unchanged 1"}},
      {"unknown", found("1.22.1"), migrate().only({"ghost"}), {"ghost refused " + not_found("ghost")}},
      {"--all does not widen them",
       found("1.0.0", {dataset("a", "1.0.0"), dataset("b", "1.4.0")}),
       migrate().only({"b"}).everything(),
       {"b 1.4.0 > 1.22.1 up 1.13.0"}},
      {"unparsable database",
       found("abc", {dataset("a", "1.0.0")}),
       migrate().only({"a"}),
       {"throws " + invalid("abc") + kInConfig}},
      {"target newer than the client",
       found("1.0.0", {dataset("a", "1.0.0")}),
       migrate().only({"a"}).to("3.0"),
       {"throws " + too_new("3.0", "1.0.0", "3.0")}},
      {"from under a newer, compatible database",
       found("1.23.0", {dataset("a", "1.4.0")}),
       migrate().only({"a"}).to("1.1.0"),
       {"a 1.4.0 > 1.1.0 down 1.4.0"}},
  });
}

TEST(Migrate, Gates) {
  const std::string gate = "throws 13 OSError: Migrating is refused because ";
  check({
      {"explicitly not admin", found("1.0.0"), migrate().as_admin(false), {gate + "FIFTYONE_DATABASE_ADMIN is false"}},
      {"explicitly not admin, nothing to do",
       found("1.22.1"),
       migrate().as_admin(false),
       {gate + "FIFTYONE_DATABASE_ADMIN is false"}},
      {"explicitly admin", found("1.22.1"), migrate().as_admin(true), {"unchanged 1"}},
      {"unset on Enterprise", enterprise("1.22.1"), migrate(), {"unchanged 1"}},
      {"migrations disabled",
       found("1.0.0"),
       migrate().with_migrations_disabled(),
       {gate + "FIFTYONE_DISABLE_MIGRATIONS is set"}},
  });
}

// --- both ---

TEST(Plan, ParkedDatasetsWaitForTheirRun) {
  const std::string version(kParkedVersion);
  check({
      {"fiftyone migrate --all",
       found("1.22.1", {dataset("a", version), dataset("b", "1.4.0")}),
       drop_in().everything(),
       {"b 1.4.0 > 1.22.1 up 1.13.0", "a refused " + parked("a"), "unchanged 1"}},
      {"fiftyone migrate -n",
       found("1.22.1", {dataset("a", version)}),
       drop_in().only({"a"}).as_admin(false),
       {"a refused " + parked("a")}},
      {"fiftyone-migrator",
       found("1.22.1", {dataset("a", version)}),
       migrate().to("1.0.0"),
       {"database 1.22.1 > 1.0.0", "a refused " + parked("a")}},
  });
}

TEST(Plan, SaysWhereItLeads) {
  const auto plan = [](const Heads& heads, const Request& request) { return make_plan(catalogue(), heads, request); };
  EXPECT_EQ(plan(found("1.0.0"), drop_in()).target, "1.22.1");
  EXPECT_EQ(plan(found("1.0.0"), drop_in().to("1.1.0")).target, "1.1.0");
  EXPECT_EQ(plan(found("1.23.0"), drop_in().only({"a"})).target, "1.23.0") << "the database's, for single datasets";
  EXPECT_EQ(plan(found("1.0.0"), migrate()).target, "1.22.1");
  EXPECT_EQ(plan(found("1.0.0"), drop_in().to("1.1.0")).database_version, "1.1.0");
  EXPECT_EQ(plan(found("1.0.0"), migrate().only({"a"}).to("1.1.0")).database_version, "1.0.0");
  EXPECT_EQ(plan(found(std::nullopt), migrate()).database_version, "1.22.1");
}

TEST(Plan, RefusalsPointAtTheirDataset) {
  const Heads heads = found("1.22.1", {dataset("z", "1.22.1"), dataset("a", "abc")});
  const Plan all = make_plan(catalogue(), heads, drop_in().everything());
  ASSERT_EQ(all.refused.size(), 1U);
  EXPECT_EQ(all.refused[0].head, 1U);
  const Plan named = make_plan(catalogue(), heads, drop_in().only({"ghost"}));
  ASSERT_EQ(named.refused.size(), 1U);
  EXPECT_EQ(named.refused[0].head, std::nullopt);
}

TEST(Plan, TwentyThousandDatasetsTakeMilliseconds) {
  Heads heads = found("1.0.0");
  for (int i = 0; i < 20000; ++i) {
    const std::string name = "some-dataset-with-a-long-name-" + std::to_string((i * 7919) % 20000);
    heads.datasets.push_back(dataset(name.c_str(), "1." + std::to_string(i % 30) + ".0"));
  }
  const auto start = std::chrono::steady_clock::now();
  const Plan plan = make_plan(catalogue(), heads, migrate());
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(plan.routes.size(), 23U) << "1.0.0 to 1.22.0; the newer ones are compatible";
  EXPECT_EQ(plan.datasets.size() + plan.unchanged, 20000U);
  RecordProperty("microseconds", std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  EXPECT_LT(took, std::chrono::seconds(1)) << "a few milliseconds; the bound leaves room for sanitizers";
}

}  // namespace
}  // namespace fm
