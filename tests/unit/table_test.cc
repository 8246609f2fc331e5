#include "cli/table.h"

#include "cli/printable.h"

#include <gtest/gtest.h>

namespace fm::cli {
namespace {

TEST(Table, IsAsWideAsItsCells) {
  EXPECT_EQ(text_table({"a", "second"}, {{"x", "one two"}, {"longer", "y\nz"}}, kAnyWidth),
            "a       second\n"
            "------  --------\n"
            "x       one two\n"
            "longer  y\n"
            "        z\n");
}

TEST(Table, WidestColumnsGiveWay) {
  EXPECT_EQ(text_table({"n", "what"}, {{"1", "one two three four five"}, {"2", "six"}}, 16),
            "n    what\n"
            "---  -----------\n"
            "1    one two\n"
            "     three four\n"
            "     five\n"
            "2    six\n");
}

TEST(Printable, NamesDoNotSteerTheTerminal) {
  EXPECT_EQ(printable(std::string("a\x1b[31m\0\x7f\xc2\x9b\r\tb", 13)), "a [31m    \tb");
  EXPECT_EQ(printable("\xc2\xa0 \xe6\x9d\xb1\n"), "\xc2\xa0 \xe6\x9d\xb1\n");
}

TEST(Table, LongWordsGoOn) {
  EXPECT_EQ(text_table({"path"}, {{"/a/path/without/blanks"}, {"a /path/behind/a/word"}}, 10),
            "path\n"
            "----------\n"
            "/a/path/wi\n"
            "thout/blan\n"
            "ks\n"
            "a\n"
            "/path/behi\n"
            "nd/a/word\n");
}

TEST(Table, WideCharactersAreNotCutInHalves) {
  EXPECT_EQ(text_table({"name"}, {{"東京東京東京"}}, 9),
            "name\n"
            "---------\n"
            "東京東京\n"
            "東京\n");
}

TEST(Table, RoomThatIsThereIsUsed) {
  EXPECT_EQ(text_table({"name", "where"}, {{"0123456789", "0123456789"}}, 19),
            "name       where\n"
            "---------  --------\n"
            "012345678  01234567\n"
            "9          89\n");
}

TEST(Table, HeadingsGoOnInFurtherLines) {
  EXPECT_EQ(text_table({"before -> after"}, {{"x"}}, 10),
            "before ->\n"
            "after\n"
            "----------\n"
            "x\n");
}

TEST(Table, IdsOfRunsAreNeverCut) {
  EXPECT_EQ(text_table({"run", "what"}, {{"20261126-010206-hdx0", "one two three"}}, 32),
            "run                   what\n"
            "--------------------  ----------\n"
            "20261126-010206-hdx0  one two\n"
            "                      three\n");
}

TEST(Table, ColumnsKeepSomeCells) {
  EXPECT_EQ(text_table({"n", "what"}, {{"1", "0123456789"}}, 3),
            "n    what\n"
            "---  --------\n"
            "1    01234567\n"
            "     89\n");
}

}  // namespace
}  // namespace fm::cli
