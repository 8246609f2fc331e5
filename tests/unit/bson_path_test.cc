#include "bson/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fm::bson {
namespace {

TEST(Path, Parts) {
  EXPECT_THAT(Path("a").parts(), testing::ElementsAre("a"));
  EXPECT_THAT(Path("app_config.sidebar_groups").parts(), testing::ElementsAre("app_config", "sidebar_groups"));
  EXPECT_THAT(Path("").parts(), testing::ElementsAre(""));
  EXPECT_THAT(Path("a..b.").parts(), testing::ElementsAre("a", "", "b", ""));
  for (const char* text : {"", "a", "a.b.c", ".", "a..b."}) {
    EXPECT_EQ(Path(text).str(), text);
  }
  Path path("a.b.c");
  EXPECT_EQ(path.top(), "a");
  EXPECT_EQ(path.leaf(), "c");
  EXPECT_EQ(path, Path("a.b.c"));
  EXPECT_NE(path, Path("a.b"));
}

TEST(Path, FindsInDocumentsOnly) {
  Document doc{{"a", Document{{"b", Document{{"c", 1}}}, {"", 2}}}, {"list", Array{Document{{"c", 1}}}}, {"n", 3}};
  EXPECT_EQ(*Path("a.b.c").find(doc), Value(1));
  EXPECT_EQ(*Path("a.").find(doc), Value(2));
  EXPECT_EQ(*Path("n").find(doc), Value(3));
  for (const char* missing : {"z", "a.z", "z.b", "n.x", "list.0", "list.0.c", "list.c", "a.b.c.d", ""}) {
    EXPECT_EQ(Path(missing).find(doc), nullptr) << missing;
  }
  EXPECT_EQ(Path().find(doc), nullptr);
  *Path("a.b.c").find(doc) = "new";
  EXPECT_EQ(*doc[0].value.as<Document>()->find("b"), Value(Document{{"c", "new"}}));
}

TEST(Path, Parents) {
  Document doc{{"a", Document{{"b", 1}}}};
  EXPECT_EQ(Path("x").parent(doc), &doc);
  EXPECT_EQ(Path("a.x").parent(doc), doc[0].value.as<Document>());
  EXPECT_EQ(Path("a.b.x").parent(doc), nullptr);
  EXPECT_EQ(Path("x.y").parent(doc), nullptr);
}

}  // namespace
}  // namespace fm::bson
