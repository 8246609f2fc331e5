// What a backup is made of, without a server: names of files, the manifest,
// files of documents, the folder that appears at the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "backup/bson_file.h"
#include "backup/conveyor.h"
#include "backup/disk.h"
#include "backup/layout.h"
#include "backup/manifest.h"
#include "base/error.h"
#include "bson/document.h"

namespace fm::dump {
namespace {

namespace fs = std::filesystem;
using bson::Document;

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("backup_test." + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directory(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

Exit code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return Exit::kDone;
}

TEST(Layout, EscapesLikeMongodump) {
  EXPECT_EQ(file_stem("samples.6b03af1fe300b1188ca6d050"), "samples.6b03af1fe300b1188ca6d050");
  EXPECT_EQ(file_stem("a b/c%d?e\"f;g"), "a%20b%2Fc%25d%3Fe%22f%3Bg");
  EXPECT_EQ(file_stem("-_.~$&+=:@"), "-_.~$&+=:@");
  EXPECT_EQ(file_stem("(x)!*',[]"), "%28x%29%21%2A%27%2C%5B%5D");
  EXPECT_EQ(file_stem("größe"), "gr%C3%B6%C3%9Fe");
}

TEST(Layout, CutsLongNamesWithTheHashOfTheWhole) {
  EXPECT_EQ(file_stem(std::string(238, 'a')), std::string(238, 'a'));
  // base64url of the SHA-1 of 239 times "a", without padding
  EXPECT_EQ(file_stem(std::string(239, 'a')), std::string(208, 'a') + "%24" + "_cMIV897lX9H69gojV5ddCb0Q5Q");
}

TEST(Layout, LeavesSystemCollectionsOut) {
  EXPECT_FALSE(is_dumped("system.views"));
  EXPECT_FALSE(is_dumped("system.profile"));
  EXPECT_TRUE(is_dumped("system.js"));
  EXPECT_TRUE(is_dumped("systems"));
}

Manifest example() {
  Manifest out;
  out.tool = "fiftyone-migrator 1";
  out.database = "fifty\"one";
  out.server_version = "6.0.5";
  out.scope = "everything";
  out.started_ms = 1700000000123;
  out.finished_ms = 1700000001456;
  out.snapshot = ClusterTime{4000000000U, 7};
  out.zstd = true;
  out.collections = {
      {"a b", false, 3, 5'000'000'000, "aa", "db/a%20b.bson.zst", "db/a%20b.metadata.json", "bb",
       Document{{"options", Document{{"$regex", "x"}}}}, false},
      {"v", true, 0, 0, "", "", "db/v.metadata.json", "cc", std::nullopt},
  };
  return out;
}

TEST(Manifest, ComesBack) {
  auto manifest = example();
  EXPECT_EQ(parse_manifest(to_json(manifest), "m"), manifest);
  manifest.snapshot.reset();
  manifest.no_snapshot = "standalone server";
  manifest.zstd = false;
  manifest.collections.clear();
  EXPECT_EQ(parse_manifest(to_json(manifest), "m"), manifest);
  manifest.plan = Covered{"1.22.1", {bson::Value("an id"), bson::Value(std::int64_t{7})}};
  EXPECT_EQ(parse_manifest(to_json(manifest), "m"), manifest);
}

TEST(Manifest, WithoutAPlanNothingIsTakenForWhole) {
  auto json = to_json(example());
  const std::string plan = " \"plan\" : null,\n";
  ASSERT_NE(json.find(plan), std::string::npos);
  EXPECT_FALSE(parse_manifest(json, "m").plan);
  json.erase(json.find(plan), plan.size());
  EXPECT_EQ(parse_manifest(json, "m").plan, Covered());
}

TEST(Manifest, DamageIsFound) {
  const auto json = to_json(example());
  const auto changed = [&](const std::string& from, const std::string& to) {
    auto text = json;
    const auto at = text.find(from);
    if (at == std::string::npos) throw std::logic_error("no such text: " + from);
    return text.replace(at, from.size(), to);
  };
  const auto parsed = [](const std::string& text) { return code_of([&] { parse_manifest(text, "m"); }); };
  EXPECT_EQ(parsed(json), Exit::kDone);
  EXPECT_EQ(parsed(json.substr(0, json.size() / 2)), Exit::kMismatch);
  EXPECT_EQ(parsed(""), Exit::kMismatch);
  EXPECT_EQ(parsed("{}"), Exit::kMismatch);
  EXPECT_EQ(parsed(changed("\"documents\" : 3", "\"documents\" : 4")), Exit::kMismatch);
  EXPECT_EQ(parsed(changed("\"documents\" : 3", "\"documents\" : -3")), Exit::kMismatch);
  EXPECT_EQ(parsed(changed("\"sha256\"", "\"sha255\"")), Exit::kMismatch);
  EXPECT_EQ(parsed(changed("db/a%20b.bson", "../a%20b.bson")), Exit::kMismatch);
  EXPECT_EQ(parsed(changed("db/a%20b.bson", "/a%20b.bson")), Exit::kMismatch);
  EXPECT_EQ(parsed(changed("\"format\" : 1", "\"format\" : 2")), Exit::kPrecondition);
}

std::string documents(int count, std::size_t size) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    const auto bytes = bson::encode(Document{{"_id", i}, {"pad", std::string(size, 'x')}});
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return out;
}

std::string read_all(const std::string& path, bool zstd) {
  BsonReader file(path, zstd);
  std::string out;
  for (auto batch = file.next(); !batch.empty(); batch = file.next()) {
    count_documents(batch);  // throws where a batch cuts a document
    out += batch;
  }
  return out;
}

class BsonFile : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(, BsonFile, testing::Bool(), [](const auto& p) { return p.param ? "zstd" : "plain"; });

TEST_P(BsonFile, ComesBackInWholeDocuments) {
  const Folder folder;
  for (const auto& [count, size] : std::vector<std::pair<int, std::size_t>>{{0, 0}, {1, 1}, {30, 1'000'000}}) {
    const auto path = folder / std::to_string(count);
    const auto first = documents(count, size);
    const auto second = documents(2 * count, size / 3);
    BsonWriter file(path, GetParam());
    file.append(first);
    file.append(second);
    const auto facts = file.finish();
    EXPECT_EQ(facts.documents, 3 * count);
    EXPECT_EQ(facts.bytes, static_cast<std::int64_t>(first.size() + second.size()));
    EXPECT_EQ(facts.sha256, sha256_hex(first + second));
    EXPECT_EQ(read_all(path, GetParam()), first + second);
  }
}

TEST_P(BsonFile, EveryCutIsFound) {
  const Folder folder;
  const auto path = folder / "f";
  const auto content = documents(3, 10);
  {
    BsonWriter file(path, GetParam());
    file.append(content);
    file.finish();
  }
  for (auto size = fs::file_size(path); size-- > 0;) {
    fs::resize_file(path, size);
    if (!GetParam() && size % (content.size() / 3) == 0) {
      EXPECT_LT(read_all(path, false).size(), content.size());  // whole documents: the manifest's sum finds it
    } else {
      EXPECT_EQ(code_of([&] { read_all(path, GetParam()); }), Exit::kMismatch) << size;
    }
  }
  EXPECT_EQ(code_of([&] { read_all(folder / "none", GetParam()); }), Exit::kMismatch);
}

TEST(Conveyor, KeepsTheOrder) {
  std::string out;
  Conveyor conveyor([&](const std::string& chunk) { out += chunk; });
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    conveyor.put(std::to_string(i));
    expected += std::to_string(i);
  }
  conveyor.finish();
  EXPECT_EQ(out, expected);
}

TEST(Conveyor, TellsWhatFailed) {
  Conveyor conveyor([](const std::string& chunk) {
    if (chunk == "2") throw std::runtime_error("no room");
  });
  const auto run = [&] {
    for (int i = 0; i < 10; ++i) conveyor.put(std::to_string(i));
    conveyor.finish();
  };
  EXPECT_THROW(run(), std::runtime_error);
}

TEST(Conveyor, TheLastFailureIsNotLost) {
  Conveyor conveyor([](const std::string&) { throw std::runtime_error("no room"); });
  conveyor.put("0");
  EXPECT_THROW(conveyor.finish(), std::runtime_error);
}

TEST(Staging, AppearsAtTheEnd) {
  const Folder folder;
  const auto target = folder / "sub/backup";
  {
    Staging staging(target + "/");
    EXPECT_EQ(staging.target(), target);
    staging.make_folder("db");
    EXPECT_FALSE(fs::exists(target));
    EXPECT_EQ(code_of([&] { Staging other(target); }), Exit::kPrecondition);  // busy
    staging.publish("fiftyone-migrator.json", "{}");
  }
  EXPECT_TRUE(fs::exists(target + "/db"));
  EXPECT_EQ(std::distance(fs::directory_iterator(target), fs::directory_iterator()), 2);
  EXPECT_FALSE(fs::exists(target + ".partial"));
  EXPECT_EQ(code_of([&] { Staging other(target); }), Exit::kPrecondition);  // not empty
}

TEST(Staging, GoesUnlessPublished) {
  const Folder folder;
  const auto target = folder / "backup";
  {
    Staging staging(target);
    staging.make_folder("db");
  }
  EXPECT_FALSE(fs::exists(target));
  EXPECT_FALSE(fs::exists(target + ".partial"));
}

TEST(Staging, TakesAnEmptyFolderButNotWhatOthersWrote) {
  const Folder folder;
  fs::create_directory(folder / "empty");
  {
    Staging staging(folder / "empty");
    staging.publish("fiftyone-migrator.json", "{}");
  }
  EXPECT_TRUE(fs::exists(folder / "empty/fiftyone-migrator.json"));
  fs::create_directories(folder / "other.partial/precious");
  EXPECT_EQ(code_of([&] { Staging staging(folder / "other"); }), Exit::kPrecondition);
  EXPECT_TRUE(fs::exists(folder / "other.partial/precious"));
  EXPECT_EQ(code_of([] { Staging staging("/proc/nothing/here"); }), Exit::kPrecondition);
}

}  // namespace
}  // namespace fm::dump
