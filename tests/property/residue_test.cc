// What a way down had no place for comes back on the way up; a run can be
// taken back.
#include <gtest/gtest.h>

#include <string>

#include "property/stored_run.h"

namespace fm {
namespace {

using stored::content;
using stored::difference;
using stored::migrate_to;
using stored::store;
using stored::undo;

constexpr const char* kNewest = "1.22.1";
constexpr const char* kKinds[] = {"image", "video", "group", ""};

class RoundTrip : public testing::TestWithParam<const char*> {};

TEST_P(RoundTrip, DownAndUpAgainIsTheStart) {
  for (const char* kind : kKinds) {
    if (std::string(kind) == "group" && Version::parse(GetParam()) < Version::parse("0.17.0")) continue;
    store(modern_dataset(Content::kFull, kind), kNewest);
    const auto start = content();
    migrate_to(GetParam(), "down");
    ASSERT_NE(content(), start);
    migrate_to(kNewest, "up");
    const auto end = content();
    EXPECT_TRUE(end == start) << kind << ":\n" << difference(start, end);
  }
}

INSTANTIATE_TEST_SUITE_P(To, RoundTrip,
                         testing::Values("1.12.0", "1.3.0", "1.0.0", "0.22.0", "0.19.0", "0.18.0", "0.17.0", "0.16.2",
                                         "0.16.0", "0.15.0", "0.13.0", "0.11.0", "0.9.0", "0.7.3", "0.7.0"),

                         [](const auto& one) {
                           std::string out = one.param;
                           std::replace(out.begin(), out.end(), '.', '_');
                           return "v" + out;
                         });

class UndoOf : public testing::TestWithParam<const char*> {};

TEST_P(UndoOf, AWayDownIsTheStartAndUndoneAgainTheEnd) {
  for (const char* kind : kKinds) {
    if (std::string(kind) == "group" && Version::parse(GetParam()) < Version::parse("0.17.0")) continue;
    store(modern_dataset(Content::kFull, kind), kNewest);
    const auto start = content();
    migrate_to(GetParam(), "down");
    const auto low = content();
    undo("last", "undo");
    EXPECT_TRUE(content() == start) << kind << ":\n" << difference(start, content());
    undo("last", "undo of undo");
    EXPECT_TRUE(content() == low) << kind << ", again:\n" << difference(low, content());
    migrate_to(kNewest, "up");
    EXPECT_TRUE(content() == start) << kind << ", up:\n" << difference(start, content());
    undo("last", "undo of up");
    EXPECT_TRUE(content() == low) << kind << ", undo of up:\n" << difference(low, content());
    migrate_to(kNewest, "up again");
    EXPECT_TRUE(content() == start) << kind << ", up again:\n" << difference(start, content());
  }
}

INSTANTIATE_TEST_SUITE_P(To, UndoOf, testing::Values("1.12.0", "1.0.0", "0.22.0", "0.18.0", "0.16.0", "0.9.0", "0.7.3"),
                         [](const auto& one) {
                           std::string out = one.param;
                           std::replace(out.begin(), out.end(), '.', '_');
                           return "v" + out;
                         });

class UndoOfUp : public testing::TestWithParam<const char*> {};

TEST_P(UndoOfUp, IsTheStart) {
  for (const char* kind : {"image", "video", ""}) {
    auto db = ancient_dataset(Content::kFull, kind);
    store(db, "0.5.0");
    migrate_to(GetParam(), "first", false);
    const auto start = content();
    migrate_to(kNewest, "up");
    const auto high = content();
    undo("last", "undo");
    EXPECT_TRUE(content() == start) << kind << ":\n" << difference(start, content());
    undo("last", "undo of undo");
    EXPECT_TRUE(content() == high) << kind << ", again:\n" << difference(high, content());
  }
}

INSTANTIATE_TEST_SUITE_P(From, UndoOfUp,
                         testing::Values("0.7.3", "0.9.0", "0.14.0", "0.16.0", "0.18.0", "0.19.0", "0.22.0", "1.0.0"),
                         [](const auto& one) {
                           std::string out = one.param;
                           std::replace(out.begin(), out.end(), '.', '_');
                           return "v" + out;
                         });

}  // namespace
}  // namespace fm
