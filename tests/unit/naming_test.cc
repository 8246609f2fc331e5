// Names and slugs of datasets: spec dataset-revisions 0.19.0.
#include "ops/naming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <stdlib.h>
#include <time.h>

#include <set>
#include <string>

#include "base/text.h"
#include "unit/choice.h"
#include "unit/json.h"

namespace fm {
namespace {

using bson::Value;
using ops::NameBook;
using ops::slugify;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kNow = 1'700'000'000'123;

class Naming : public testing::Test {
 protected:
  Naming() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
  NameBook book_{kNow};

  void add(const char* name, const char* slug = nullptr) {
    const Value n(name);
    const Value s(slug ? slug : "");
    book_.add(&n, slug ? &s : nullptr);
  }
  ops::Naming choose(const std::string& name) {
    const Value value(name);
    return book_.choose(&value);
  }
};

TEST(Slugify, Table) {
  for (const auto& [name, slug] : std::vector<std::pair<std::string, std::string>>{
           {"simple", "simple"},
           {"Coco 2017", "coco-2017"},
           {"a+b_c.d-e", "a-b-c-d-e"},
           {"tab\there\nand\rthere\vor\fso", "tab-here-and-there-or-so"},
           {"a - b", "a-b"},
           {"a-(!)-b", "a-b"},  // dropped characters do not break a run
           {"a!b", "ab"},
           {"--a--", "a"},
           {" .a. ", "a"},
           {"(a)", "a"},
           {"(-a-)", "a"},
           {"Ärger über Öl", "rger-ber-l"},
           {"日本語", ""},
           {"日本 2", "2"},
           {"", ""},
           {"---", ""},
           {"!?", ""},
           {"UPPER_lower9", "upper-lower9"},
           {"a/b\\c:d", "abcd"},
           {"2023.11.14.22.13.20", "2023-11-14-22-13-20"},
           {std::string("a\0b", 3), "ab"},
           {"a\xa0\xff"
            "b",
            "ab"},
       }) {
    EXPECT_EQ(slugify(name), slug) << name;
  }
}

RC_GTEST_PROP(Slugify, OnlyWhatSlugsAreMadeOf, (const std::string& name)) {
  const auto slug = slugify(name);
  RC_ASSERT(slug.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos);
  RC_ASSERT(slug.find("--") == std::string::npos);
  RC_ASSERT(slug.empty() || (slug.front() != '-' && slug.back() != '-'));
  RC_ASSERT(slugify(slug) == slug);
}

TEST_F(Naming, OrdinaryNamesStay) {
  add("Coco 2017");
  const auto chosen = choose("Coco 2017");
  EXPECT_EQ(chosen.name, Value("Coco 2017"));
  EXPECT_EQ(chosen.slug, "coco-2017");
  EXPECT_THAT(chosen.warnings, IsEmpty());
}

TEST_F(Naming, NoNameIsTheTime) {
  const auto first = book_.choose(nullptr);
  EXPECT_EQ(first.name, Value("2023.11.14.22.13.20"));
  EXPECT_EQ(first.slug, "2023-11-14-22-13-20");
  EXPECT_THAT(first.warnings, IsEmpty());
  // If taken, with the fraction; each further one differs.
  const Value null{};
  EXPECT_EQ(book_.choose(&null).name, Value("2023.11.14.22.13.20.123000"));
  EXPECT_EQ(book_.choose(&null).name, Value("2023.11.14.22.13.20.123001"));
  EXPECT_EQ(book_.choose(&null).slug, "2023-11-14-22-13-20-123002");
}

TEST_F(Naming, ATimeThatIsANameAlready) {
  add("2023.11.14.22.13.20", "x");
  EXPECT_EQ(book_.choose(nullptr).name, Value("2023.11.14.22.13.20.123000"));
  add("y", "2023-11-14-22-13-20-123001");
  EXPECT_EQ(book_.choose(nullptr).name, Value("2023.11.14.22.13.20.123002"));
}

TEST_F(Naming, NamesWithoutASlug) {
  add("日本語");
  add("!?");
  auto chosen = choose("日本語");
  EXPECT_EQ(chosen.name, Value("2023.11.14.22.13.20"));
  EXPECT_EQ(chosen.slug, "2023-11-14-22-13-20");
  EXPECT_THAT(chosen.warnings, ElementsAre("'日本語' has invalid slug-friendly name ''; length 0 < 1",
                                           "Renaming dataset '日本語' to '2023.11.14.22.13.20'"));
  chosen = choose("!?");
  EXPECT_EQ(chosen.name, Value("2023.11.14.22.13.20.123000"));
}

TEST_F(Naming, NamesThatAreNoText) {
  const Value number(std::int32_t{7});
  const auto chosen = book_.choose(&number);
  EXPECT_EQ(chosen.name, Value("2023.11.14.22.13.20"));
  EXPECT_EQ(chosen.warnings.size(), 2u);
}

TEST_F(Naming, OnlyTheFirstHundredCodePointsMakeTheSlug) {
  const std::string name = std::string(98, 'a') + "é" + "bcd";
  add(name.c_str());
  EXPECT_EQ(choose(name).slug, std::string(98, 'a') + "b");
}

TEST_F(Naming, ClashesWithAnotherSlug) {
  add("My Data", "my-data");
  add("my data");
  const auto chosen = choose("my data");
  EXPECT_EQ(chosen.name, Value("my data-RENAMED-2023.11.14.22.13.20"));
  EXPECT_EQ(chosen.slug, "my-data-renamed-2023-11-14-22-13-20");
  EXPECT_THAT(chosen.warnings, ElementsAre("Dataset name 'my data' conflicts with another dataset's name",
                                           "Renaming dataset 'my data' to 'my data-RENAMED-2023.11.14.22.13.20'"));
}

TEST_F(Naming, ClashesWithAnotherName) {
  add("same");
  add("same");
  EXPECT_EQ(choose("same").name, Value("same-RENAMED-2023.11.14.22.13.20"));
  EXPECT_EQ(choose("same").name, Value("same"));
}

TEST_F(Naming, SeveralClashesInOneRun) {
  add("x", "x");
  std::set<std::string> names;
  std::set<std::string> slugs;
  for (const char* name : {"X", "x!", "-x-", "(x)"}) {
    add(name);
    const auto chosen = choose(name);
    EXPECT_TRUE(names.insert(*chosen.name.as<std::string>()).second);
    EXPECT_TRUE(slugs.insert(chosen.slug).second) << chosen.slug;
  }
}

TEST_F(Naming, LongNamesKeepTheirEnd) {
  const std::string name = "head" + std::string(100, 'z');
  add("other", slugify(std::string_view(name).substr(0, 100)).c_str());
  add(name.c_str());
  const auto chosen = choose(name);
  const auto& text = *chosen.name.as<std::string>();
  EXPECT_EQ(count_code_points(text), 100u);
  EXPECT_TRUE(text.ends_with("z-RENAMED-2023.11.14.22.13.20"));
}

RC_GTEST_FIXTURE_PROP(Naming, NothingIsTakenTwice, ()) {
  begin_choices();
  const auto name = [] {
    return pick<std::string>({"a", "A", "a!", "b", "日本", "", "a-renamed-2023-11-14-22-13-20"});
  };
  const auto count = below(12);
  std::vector<std::string> unnamed;
  std::set<std::string> slugs;
  for (int i = 0; i < count; ++i) {
    const Value value(name());
    if (chance(50)) {
      const auto text = name() + std::to_string(i);
      const Value other(text);
      const Value slug(text);
      slugs.insert(text);
      book_.add(&other, &slug);
    } else {
      book_.add(&value, nullptr);
      unnamed.push_back(*value.as<std::string>());
    }
  }
  for (const auto& one : unnamed) RC_ASSERT(slugs.insert(choose(one).slug).second);
}

}  // namespace
}  // namespace fm
