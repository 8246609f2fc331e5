// Enterprise versions and what they mean: docs/architecture.md "Versions,
// editions, gates"; spec enterprise "Names".
#include "revisions/version_map.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "base/error.h"

namespace fm {
namespace {

const VersionMap& map() { return VersionMap::built_in(); }

std::string show(const VersionPair& pair) { return pair.enterprise + " = " + pair.open_source; }

std::string resolve(std::string_view typed, const VersionMap& versions = map()) {
  try {
    return show(versions.resolve(typed));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::kIncompatible);
    return error.what();
  }
}

TEST(VersionMap, Resolves) {
  const struct {
    const char* situation;
    const char* typed;
    const char* expected;
  } rows[] = {
      {"one series since 2.0", "2.15.0", "2.15.0 = 1.12.0"},
      {"the newest", "2.25.0", "2.25.0 = 1.22.0"},
      {"the oldest", "0.7.1", "0.7.1 = 0.15.1"},
      {"a patch release of its own", "2.17.2", "2.17.2 = 1.14.2"},
      {"trailing zeros", "2.15", "2.15.0 = 1.12.0"},
      {"leading v, white space", " v2.15.0 ", "2.15.0 = 1.12.0"},
      {"only base versions count", "2.15.0rc2", "2.15.0 = 1.12.0"},
      {"deployment series", "1.7.1", "1.7.1 = 0.24.1"},
      {"SDK series", "0.17.1", "0.17.1 = 0.24.1"},
      {"ambiguous: Enterprise, though open source 0.15.1 exists", "0.15.1", "0.15.1 = 0.23.1"},
      {"ambiguous: Enterprise, though open source 1.4.0 exists", "1.4.0", "1.4.0 = 0.22.0"},
      {"SDK below the shared numbers", "0.9.2", "0.9.2 = 0.17.2"},
      {"known in the other series only", "0.10.1", "1.0.1 = 0.18.0"},
      {"too high for the SDK series", "0.20.0",
       "Unknown Enterprise version '0.20.0'; the nearest known ones are 0.17.1 and 2.0.0; it is the open-source "
       "version of Enterprise 1.2.0"},
      {"unknown", "2.9.0", "Unknown Enterprise version '2.9.0'; the nearest known ones are 2.8.2 and 2.9.1"},
      {"unknown between the series", "1.9.0",
       "Unknown Enterprise version '1.9.0'; the nearest known ones are 1.7.1 and 2.0.0; it is the open-source version "
       "of Enterprise 2.12.0"},
      {"unknown in the SDK series", "0.13.4",
       "Unknown Enterprise version '0.13.4'; the nearest known ones are 0.13.3 and 0.13.5"},
      {"unknown in the deployment series", "1.3.4",
       "Unknown Enterprise version '1.3.4'; the nearest known ones are 1.3.3 and 1.3.5"},
      {"newer than all", "2.26.0", "Unknown Enterprise version '2.26.0'; the newest known one is 2.25.0"},
      {"an epoch is another version", "1!2.15.0",
       "Unknown Enterprise version '1!2.15.0'; the newest known one is 2.25.0"},
      {"older than all", "0.7.0", "Unknown Enterprise version '0.7.0'; the oldest known one is 0.7.1"},
      {"no version", "latest", "Invalid version: 'latest'"},
      {"empty", "", "Invalid version: ''"},
  };
  for (const auto& row : rows) EXPECT_EQ(resolve(row.typed), row.expected) << row.situation;
}

TEST(VersionMap, SaysWhatToDoAboutAnUnknownVersion) {
  try {
    map().resolve("1.22.1");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.remedy().find("--os-version"), std::string::npos);
    EXPECT_NE(error.remedy().find("--versions"), std::string::npos);
  }
}

TEST(VersionMap, ListsOldestToNewest) {
  EXPECT_EQ(map().pairs().size(), 121U);
  EXPECT_EQ(show(map().pairs().front()), "0.7.1 = 0.15.1");
  EXPECT_EQ(show(map().newest()), "2.25.0 = 1.22.0");
  const VersionPair& release = map().resolve("1.5.10");
  EXPECT_EQ(release.released, "2024-04-18");
  EXPECT_EQ(release.source,
            "derived: closest previous 1.5.9; deploy repo tag 1.5.10 also says 0.23.8; date from docs "
            "page FiftyOne Release Notes");
  // SDK 0.15.10 and deployment 1.5.10 are one release and stand side by side.
  EXPECT_EQ((&release - 1)->enterprise, "0.15.10");
  EXPECT_EQ((&release + 1)->enterprise, "0.16.0");
}

TEST(VersionMap, DataModelsNeverGoBackwards) {
  std::string previous = "0.0";
  for (const VersionPair& pair : map().pairs()) {
    EXPECT_LE(Version::parse(previous), Version::parse(pair.open_source)) << show(pair);
    previous = pair.open_source;
  }
}

TEST(VersionMap, BothNumbersOfAReleaseMeanTheSame) {
  int shared = 0;
  for (int minor = 10; minor <= 17; ++minor) {
    for (int patch = 0; patch <= 10; ++patch) {
      const std::string sdk = resolve(fmt::format("0.{}.{}", minor, patch));
      if (sdk.starts_with("Unknown")) continue;
      const std::string deployment = resolve(fmt::format("1.{}.{}", minor - 10, patch));
      EXPECT_EQ(sdk.substr(sdk.find('=')), deployment.substr(deployment.find('=')));
      ++shared;
    }
  }
  EXPECT_EQ(shared, 33);
}

TEST(VersionMap, FindsTheEnterpriseVersionOfAnOpenSourceOne) {
  const auto newest = [](const char* typed) {
    const VersionPair* pair = map().newest_for_open_source(typed);
    return pair == nullptr ? "none" : show(*pair);
  };
  EXPECT_EQ(newest("1.12.0"), "2.15.0 = 1.12.0");
  EXPECT_EQ(newest("1.3.0"), "2.6.0 = 1.3.0") << "the newest of several";
  EXPECT_EQ(newest("0.22.0"), "1.4.1 = 0.22.0") << "the deployment's number of two";
  EXPECT_EQ(newest("1.22.1"), "2.25.0 = 1.22.0") << "else the closest earlier one";
  EXPECT_EQ(newest("0.17.1"), "0.9.0 = 0.17.0");
  EXPECT_EQ(newest("0.15.0"), "none");
  EXPECT_THROW(newest("abc"), Error);
}

class VersionsFile : public testing::Test {
 protected:
  ~VersionsFile() override { std::filesystem::remove(path_); }

  std::filesystem::path write(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return path_;
  }

  std::string error(const std::string& text) {
    try {
      map().with_file(write(text));
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Exit::kUsage);
      const std::string what = e.what();
      return what.substr(what.find(path_.filename().string()) + path_.filename().string().size());
    }
    return "none";
  }

  // Tests run side by side.
  const std::filesystem::path path_ =
      std::filesystem::path(testing::TempDir()) / fmt::format("fm-versions-{}.csv", getpid());
};

TEST_F(VersionsFile, AddsAndReplaces) {
  const VersionMap versions = map().with_file(
      write("enterprise,open_source,released,source\r\n2.26.0,1.23.0\n\n2.9.0,1.6.0,2025-06-01,told, by mail\n"
            "2.25,1.22.1,,\n"));
  EXPECT_EQ(resolve("2.26.0", versions), "2.26.0 = 1.23.0");
  EXPECT_EQ(show(versions.newest()), "2.26.0 = 1.23.0");
  EXPECT_EQ(resolve("2.25.0", versions), "2.25 = 1.22.1");
  EXPECT_EQ(versions.resolve("2.9.0"), (VersionPair{"2.9.0", "1.6.0", "2025-06-01", "told, by mail"}));
  EXPECT_EQ(versions.pairs().size(), map().pairs().size() + 2);
}

TEST_F(VersionsFile, TwoColumnsAreEnough) {
  const VersionMap versions = map().with_file(write("enterprise,open_source\r\n2.26.0,1.23.0\r\n"));
  EXPECT_EQ(versions.newest(), (VersionPair{"2.26.0", "1.23.0", "", ""}));
  EXPECT_EQ(error("enterprise,open_source\n2.26.0,1.23.0,x\n"), ":2: not the two columns that the first line names");
}

TEST_F(VersionsFile, RefusesWhatItCannotRead) {
  const std::string header = "enterprise,open_source,released,source\n";
  EXPECT_EQ(error(""), ":1: not a list of versions");
  EXPECT_EQ(error("2.26.0,1.23.0\n"), ":1: not a list of versions");
  EXPECT_EQ(error(header + "2.26.0,1.23.0\nx,1.0.0\n"), ":3: Invalid version: 'x'");
  EXPECT_EQ(error(header + "2.26.0\n"), ":2: Invalid version: ''");
  EXPECT_THROW(map().with_file(testing::TempDir()), Error) << "a folder";
  EXPECT_THROW(map().with_file("no/such/file.csv"), Error);
}

}  // namespace
}  // namespace fm
