// The contract of object stores, and files between two of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "media/local_store.h"
#include "media/memory_store.h"
#include "media/storage.h"

namespace fm::media {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

// The folder of a store that is written to: of the test's own, or the one that
// FM_TEST_STORE names (tests/cli/test_media_stores.py).
class StoreTest : public testing::TestWithParam<std::string> {
 protected:
  StoreTest() {
    std::string name = std::filesystem::temp_directory_path() / "fm-store-XXXXXX";
    folder_ = mkdtemp(name.data());
    const char* named = std::getenv("FM_TEST_STORE");
    if (named && GetParam() == "named") {
      stores_ = std::make_unique<Stores>(MediaConfig(Environment::process()));
      root_ = named;
    } else {
      stores_ = std::make_unique<Stores>(MediaConfig(Environment({{"HOME", folder_}})));
      stores_->add("mem://", std::make_unique<MemoryStore>());
      root_ = GetParam() == "memory" ? "mem://bucket/t" : folder_ + "/t";
    }
    storage_ = std::make_unique<Storage>(*stores_);
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  std::string at(const std::string& name) const { return root_ + "/" + name; }
  ObjectStore& store() { return stores_->at(stores_->locate(root_)); }
  std::string key(const std::string& name) const { return stores_->locate(at(name)).key; }

  std::string folder_;
  std::string root_;
  std::unique_ptr<Stores> stores_;
  std::unique_ptr<Storage> storage_;
};

TEST_P(StoreTest, ObjectsComeAndGo) {
  EXPECT_FALSE(store().stat(key("a.txt")));
  storage_->write_file(at("a.txt"), "one");
  EXPECT_EQ(store().stat(key("a.txt"))->size, 3);
  EXPECT_EQ(storage_->read_file(at("a.txt")), "one");
  storage_->write_file(at("a.txt"), "other");
  EXPECT_EQ(storage_->read_file(at("a.txt")), "other");
  storage_->write_file(at("empty"), "");
  EXPECT_EQ(storage_->file_size(at("empty")), 0);
  EXPECT_EQ(storage_->read_file(at("empty")), "");
  storage_->delete_file(at("a.txt"));
  EXPECT_FALSE(storage_->exists(at("a.txt")));
  storage_->delete_file(at("a.txt"));
  EXPECT_THROW(storage_->read_file(at("a.txt")), Error);
  EXPECT_THROW(storage_->file_size(at("a.txt")), Error);
  storage_->delete_file(at("empty"));
}

TEST_P(StoreTest, Listing) {
  EXPECT_THAT(storage_->list_files(at("l"), {}), ElementsAre());
  for (const char* name : {"l/b é%20#.txt", "l/a", "l/.hidden", "l/sub/c", "l/sub/deep/d"})
    storage_->write_file(at(name), "x");
  EXPECT_THAT(storage_->list_files(at("l/"), {}), ElementsAre("a", "b é%20#.txt"));
  EXPECT_THAT(storage_->list_files(at("l"), {.abs_paths = true}), ElementsAre(at("l/a"), at("l/b é%20#.txt")));
  EXPECT_THAT(storage_->list_files(at("l"), {.recursive = true, .include_hidden_files = true}),
              ElementsAre(".hidden", "a", "b é%20#.txt", "sub/c", "sub/deep/d"));
  EXPECT_THAT(storage_->list_subdirs(at("l"), {}), ElementsAre("sub"));
  EXPECT_THAT(storage_->list_subdirs(at("l"), {.recursive = true}), ElementsAre("sub", "sub/deep"));
  EXPECT_TRUE(storage_->is_dir(at("l/sub")));
  EXPECT_FALSE(storage_->is_file(at("l/sub")));
  for (const char* name : {"l/b é%20#.txt", "l/a", "l/.hidden", "l/sub/c", "l/sub/deep/d"})
    storage_->delete_file(at(name));
  EXPECT_THAT(storage_->list_files(at("l"), {.recursive = true}), ElementsAre());
}

TEST_P(StoreTest, ContentOfAnotherSizeLeavesNothing) {
  const auto content = [](std::int64_t says, std::size_t has) {
    auto left = std::make_shared<std::size_t>(has);
    return Content{says, [left](char* buffer, std::size_t capacity) {
                     const auto n = std::min(capacity, *left);
                     std::fill_n(buffer, n, 'x');
                     *left -= n;
                     return n;
                   }};
  };
  const auto part = static_cast<std::size_t>(kPartSize);
  const std::pair<std::size_t, std::size_t> cases[] = {{5, 4}, {5, 6}, {2 * part, part + 1}, {2 * part, 2 * part + 1}};
  for (const auto& [says, has] : cases) {
    EXPECT_THROW(store().put(key("short"), content(static_cast<std::int64_t>(says), has), {"text/plain", {}, {}, {}}),
                 Error);
    EXPECT_FALSE(store().stat(key("short"))) << says << " " << has;
  }
  const Content failing{static_cast<std::int64_t>(2 * part),
                        [](char*, std::size_t) -> std::size_t { throw Error(Exit::kFailed, "no disk"); }};
  EXPECT_THROW(store().put(key("short"), failing, {"text/plain", {}, {}, {}}), Error);
  EXPECT_FALSE(store().stat(key("short")));
  store().put(key("parts"), content(static_cast<std::int64_t>(2 * part + 1), 2 * part + 1), {"text/plain", {}, {}, {}});
  EXPECT_EQ(store().stat(key("parts"))->size, static_cast<std::int64_t>(2 * part + 1));
  store().remove(key("parts"));
}

TEST_P(StoreTest, CopiesAndMovesBetweenStores) {
  const auto local = folder_ + "/local.bin";
  const std::string bytes(static_cast<std::size_t>(kPartSize) + 7, 'b');
  std::ofstream(local) << bytes;
  storage_->copy_file(local, at("c/up"));
  storage_->copy_file(at("c/up"), at("c/within"));
  storage_->move_file(at("c/within"), folder_ + "/down/x");
  EXPECT_EQ(storage_->read_file(folder_ + "/down/x"), bytes);
  EXPECT_FALSE(storage_->exists(at("c/within")));
  const auto failures =
      storage_->copy_files({at("c/up"), at("c/none")}, {at("c/2"), at("c/3")}, {.skip_failures = true});
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].index, 1U);
  EXPECT_TRUE(storage_->is_file(at("c/2")));
  EXPECT_THROW(storage_->copy_files({at("c/none")}, {at("c/3")}, {}), Error);
  EXPECT_THROW(storage_->copy_files({at("c/up")}, {}, {}), Error);
  std::size_t told = 0;
  storage_->delete_files({at("c/up"), at("c/2"), at("c/none")},
                         {.progress = [&](std::size_t done, std::size_t) { told = done; }});
  EXPECT_EQ(told, 3U);
  EXPECT_FALSE(storage_->is_dir(at("c/up")));
}

TEST_P(StoreTest, NamesOfPlaces) {
  if (GetParam() != "memory") return;
  EXPECT_EQ(storage_->get_bucket_name("mem://bucket/a/b"), "mem://bucket");
  EXPECT_EQ(storage_->get_bucket_name("s3://bucket/a/b"), "s3://bucket");
  EXPECT_EQ(storage_->get_bucket_name("/a/b"), "");
  EXPECT_EQ(storage_->normalize_path("s3://b/a/../c/"), "s3://b/a/../c");
  EXPECT_EQ(storage_->normalize_path("/a/../c/"), "/c");
  EXPECT_EQ(storage_->split_prefix("gs://b/x"), std::make_pair(std::string("gs://"), std::string("b/x")));
  EXPECT_EQ(storage_->get_file_system("https://example.org/x"), FileSystem::kHttp);
  EXPECT_THROW(storage_->exists("https://example.org/x"), Error);
}

std::vector<std::string> kinds() {
  return std::getenv("FM_TEST_STORE") ? std::vector<std::string>{"named"} : std::vector<std::string>{"memory", "local"};
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, testing::ValuesIn(kinds()), [](const auto& one) { return one.param; });

}  // namespace
}  // namespace fm::media
