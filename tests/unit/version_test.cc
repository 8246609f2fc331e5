#include "base/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace fm {
namespace {

struct Spelling {
  const char* text;
  const char* normal;  // null: not a version
};

void PrintTo(const Spelling& spelling, std::ostream* out) { *out << '"' << spelling.text << '"'; }

class Spellings : public testing::TestWithParam<Spelling> {};

TEST_P(Spellings, Normalised) {
  auto v = Version::try_parse(GetParam().text);
  if (GetParam().normal == nullptr) {
    EXPECT_FALSE(v) << v->str();
    return;
  }
  ASSERT_TRUE(v);
  EXPECT_EQ(v->str(), GetParam().normal);
  EXPECT_EQ(Version::parse(v->str()), *v);
}

INSTANTIATE_TEST_SUITE_P(Release, Spellings,
                         testing::Values(Spelling{"1.22.1", "1.22.1"}, Spelling{"v1.1.0", "1.1.0"}, Spelling{"V2", "2"},
                                         Spelling{"0.19", "0.19"}, Spelling{"0", "0"}, Spelling{"00.01", "0.1"},
                                         Spelling{"1.0.0.0", "1.0.0.0"}, Spelling{"1!2.0", "1!2.0"},
                                         Spelling{"0!1", "1"}, Spelling{"v1!2", "1!2"},
                                         Spelling{"18446744073709551615", "18446744073709551615"}));

INSTANTIATE_TEST_SUITE_P(
    Suffixes, Spellings,
    testing::Values(Spelling{"1.0a1", "1.0a1"}, Spelling{"1.0.alpha-2", "1.0a2"}, Spelling{"1.0_BETA", "1.0b0"},
                    Spelling{"1.0c3", "1.0rc3"}, Spelling{"1.0-pre", "1.0rc0"}, Spelling{"1.0preview_4", "1.0rc4"},
                    Spelling{"1.0RC1", "1.0rc1"}, Spelling{"1.0.rc.01", "1.0rc1"}, Spelling{"1.0-1", "1.0.post1"},
                    Spelling{"1.0post", "1.0.post0"}, Spelling{"1.0-rev3", "1.0.post3"},
                    Spelling{"1.0_r_3", "1.0.post3"}, Spelling{"1.0dev", "1.0.dev0"}, Spelling{"1.0-DEV-4", "1.0.dev4"},
                    Spelling{"1.0a1.post2.dev3", "1.0a1.post2.dev3"}, Spelling{"1.0a.dev1", "1.0a0.dev1"},
                    Spelling{"1.0a-1", "1.0a1"}, Spelling{"1.0a--1", "1.0a0.post1"}, Spelling{"1.0a.", "1.0a0"},
                    Spelling{"1+Abc-1_x.007", "1+abc.1.x.7"}, Spelling{"1.0.post1+ubuntu.1", "1.0.post1+ubuntu.1"}));

INSTANTIATE_TEST_SUITE_P(Space, Spellings,
                         testing::Values(Spelling{" 1.0", "1.0"}, Spelling{"1.0\n", "1.0"},
                                         Spelling{"\t\r\f\v 1.0 \n\n", "1.0"}, Spelling{"\u00a01.0\u3000", "1.0"},
                                         Spelling{"1 .0", nullptr}, Spelling{"1.0 rc1", nullptr}));

INSTANTIATE_TEST_SUITE_P(
    NotVersions, Spellings,
    testing::Values(Spelling{"", nullptr}, Spelling{" ", nullptr}, Spelling{"abc", nullptr}, Spelling{"v", nullptr},
                    Spelling{"vv1", nullptr}, Spelling{"1.", nullptr}, Spelling{".1", nullptr},
                    Spelling{"1..0", nullptr}, Spelling{"1-", nullptr}, Spelling{"1.0-", nullptr},
                    Spelling{"!1", nullptr}, Spelling{"1!", nullptr}, Spelling{"1!!2", nullptr},
                    Spelling{"1!2!3", nullptr}, Spelling{"1.0x1", nullptr}, Spelling{"1.0.dev1.post1", nullptr},
                    Spelling{"1.0rc1a1", nullptr}, Spelling{"1.0+", nullptr}, Spelling{"1.0+a..b", nullptr},
                    Spelling{"1.0+a-", nullptr}, Spelling{"1.0+a+b", nullptr}, Spelling{"1,0", nullptr},
                    Spelling{"-1", nullptr}, Spelling{"1.0-1-2", nullptr}, Spelling{"\u0661.0", nullptr},
                    Spelling{"18446744073709551616", nullptr}, Spelling{"1.0a99999999999999999999", nullptr},
                    Spelling{"1.0+99999999999999999999", nullptr}, Spelling{"None", nullptr}));

TEST(Version, ParseNamesWhatItCannotRead) {
  try {
    Version::parse("abc");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "Invalid version: 'abc'");
    EXPECT_EQ(e.type(), "packaging.version.InvalidVersion");
    EXPECT_EQ(e.code(), Exit::kIncompatible);
  }
}

TEST(Version, BaseKeepsEpochAndRelease) {
  EXPECT_EQ(Version::parse("1!1.0.0rc1.post2.dev3+local").base().str(), "1!1.0.0");
  EXPECT_EQ(Version::parse("0.7.1.3").base().str(), "0.7.1.3");
}

TEST(Version, Prereleases) {
  for (const char* text : {"1.0a1", "1.0rc1", "1.0.dev1", "1.0.post1.dev1"}) {
    EXPECT_TRUE(Version::parse(text).is_prerelease()) << text;
  }
  for (const char* text : {"1.0", "1.0.post1", "1.0+rc1", "1.0-1"}) {
    EXPECT_FALSE(Version::parse(text).is_prerelease()) << text;
  }
}

// Ascending, as the reference implementation of PEP 440 sorts them.
constexpr const char* kAscending[] = {
    "0.7.1",
    "0.7.1.3",
    "0.9.99",
    "1.0.dev0",
    "1.0.dev456",
    "1.0a1.dev1",
    "1.0a1",
    "1.0a1.post1.dev2",
    "1.0a1.post1",
    "1.0a2.dev456",
    "1.0a12.dev456",
    "1.0a12",
    "1.0b1.dev456",
    "1.0b2",
    "1.0b2.post345.dev456",
    "1.0b2.post345",
    "1.0rc1.dev456",
    "1.0rc1",
    "1.0",
    "1.0+abc.5",
    "1.0+abc.7",
    "1.0+abc.7.x",
    "1.0+5",
    "1.0+5.a",
    "1.0+5.1",
    "1.0.post456.dev34",
    "1.0.post456",
    "1.0.post456+1",
    "1.0.1",
    "1.0.15",
    "1.1.dev1",
    "1.1",
    "1.10",
    "2018.1",
    "1!0.1.dev1",
    "1!0.1",
};

TEST(Version, Order) {
  for (std::size_t i = 0; i < std::size(kAscending); ++i) {
    for (std::size_t j = 0; j < std::size(kAscending); ++j) {
      auto order = Version::parse(kAscending[i]) <=> Version::parse(kAscending[j]);
      EXPECT_EQ(order, i <=> j) << kAscending[i] << " and " << kAscending[j];
    }
  }
}

TEST(Version, EqualSpellings) {
  for (auto [a, b] : std::vector<std::pair<const char*, const char*>>{{"1.0", "1.0.0"},
                                                                      {"1", "1.0.0.0"},
                                                                      {"v1.0", "1.0"},
                                                                      {"0!1", "1"},
                                                                      {"1.0c1", "1.0-preview.1"},
                                                                      {"1.0-1", "1.0.r1"},
                                                                      {"1.0+A_1", "1.0+a.01"},
                                                                      {"1.0.0rc1", "1.0rc1"}}) {
    EXPECT_EQ(Version::parse(a), Version::parse(b)) << a << " and " << b;
  }
}

struct Membership {
  const char* set;
  const char* version;
  bool inside;
};

void PrintTo(const Membership& membership, std::ostream* out) {
  *out << membership.version << " in \"" << membership.set << '"';
}

class Memberships : public testing::TestWithParam<Membership> {};

TEST_P(Memberships, Contains) {
  const auto& [set, version, inside] = GetParam();
  EXPECT_EQ(Specifier::parse(set).contains(version), inside) << version << " in " << set;
}

INSTANTIATE_TEST_SUITE_P(
    Compatibility, Memberships,
    testing::Values(Membership{">=0.19,<2", "0.19.0rc1", false}, Membership{">=0.19,<2", "0.18.9", false},
                    Membership{">=0.19,<2", "0.19", true}, Membership{">=0.19,<2", "0.19.0+x", true},
                    Membership{">=0.19,<2", "1.22.1", true}, Membership{">=0.19,<2", "1.22.1.post1", true},
                    Membership{">=0.19,<2", "1.23.0rc1", true}, Membership{">=0.19,<2", "1.23.0.dev1", true},
                    Membership{">=0.19,<2", "1.999", true}, Membership{">=0.19,<2", "2.0.0rc1", false},
                    Membership{">=0.19,<2", "2.0.0.dev1", false}, Membership{">=0.19,<2", "2", false},
                    Membership{">=0.19,<2", "9999.0+migrating", false}, Membership{">=0.19,<2", "abc", false},
                    Membership{">=0.19,<2", "", false}, Membership{">=0.19,<2", " v1.0\n", true}));

INSTANTIATE_TEST_SUITE_P(
    Operators, Memberships,
    testing::Values(Membership{"", "1.0", true}, Membership{"", "abc", false}, Membership{" >= 1 , ", "1", true},
                    Membership{"==1.0", "1", true}, Membership{"==1.0", "1.0+x", true},
                    Membership{"==1.0+x", "1.0", false}, Membership{"==1.0+x", "1.0+x", true},
                    Membership{"==1.0", "1.0.post1", false}, Membership{"!=1.0", "1.0+x", false},
                    Membership{"!=1.0", "1.1", true}, Membership{"<=1.0", "1.0+x", true},
                    Membership{"<=1.0", "1.0rc1", true}, Membership{"<=1.0", "1.0.post1", false},
                    Membership{"<2.0rc1", "2.0b1", true}, Membership{"<2.0rc1", "2.0rc1", false},
                    Membership{"<2.0.post1", "2.0rc1", true}, Membership{"<2.0.post1", "2.0.post1.dev1", false},
                    Membership{">2.0.dev1", "2.0.post1", true}, Membership{">1.0", "1.0+x", false},
                    Membership{">1.0", "1.0.post1", false}, Membership{">1.0", "1.0.1.dev1", true},
                    Membership{">1.0.post1", "1.0.post2", true}, Membership{">1.0rc1", "1.0.post1", true},
                    Membership{">1.0rc1", "1.0rc1.post1", false}));

TEST(Specifier, KeepsItsText) { EXPECT_EQ(Specifier::parse(">=0.19, <2").str(), ">=0.19, <2"); }

TEST(Specifier, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"1.0", "~=1.0", "===1.0", "==1.*", ">=", ">=abc", ">=1.0+x", ">=1;<2", "=>1"}) {
    EXPECT_THROW(Specifier::parse(text), Error) << text;
  }
}

}  // namespace
}  // namespace fm
