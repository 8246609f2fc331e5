// Paths of media: prefixes, fields, places, credentials, scenes, the manifest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "media/bandwidth.h"
#include "media/content_type.h"
#include "media/fields.h"
#include "media/leaves.h"
#include "media/manifest.h"
#include "media/media_config.h"
#include "media/remap.h"
#include "media/scene.h"
#include "media/upload_plan.h"
#include "unit/json.h"

namespace fm::media {
namespace {

using bson::Document;
using testing::ElementsAre;
using testing::HasSubstr;

using Rules = std::vector<PrefixRule>;

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "fm-media-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream(path_ + "/" + name) << content;
    return path_ + "/" + name;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Remap, PrefixesEndAtFolders) {
  const Remap remap(Rules{{"/data/demo/", "s3://b/demo"}, {"/data/demo/deep", "gs://d/"}});
  EXPECT_EQ(remap("/data/demo/x.jpg"), "s3://b/demo/x.jpg");
  EXPECT_EQ(remap("/data/demo"), "s3://b/demo");
  EXPECT_EQ(remap("/data/demo2/x.jpg"), std::nullopt);
  EXPECT_EQ(remap("/data/demo/deep/x"), "gs://d/x");
  EXPECT_EQ(remap("/data/demo/deeper/x"), "s3://b/demo/deeper/x");
  EXPECT_EQ(Remap(Rules{{"s3://", "minio://"}})("s3://b/x"), "minio://b/x");
  EXPECT_EQ(remap(""), std::nullopt);
  EXPECT_EQ(Remap(Rules{{"/", "s3://b/"}})("/a/x"), "s3://b/a/x");
}

TEST(Remap, RefusesWhatCannotBeRepeated) {
  EXPECT_THAT(error_of([] { Remap(Rules{{"/a", "/a/b"}}); }), HasSubstr("rewritten itself"));
  EXPECT_THAT(error_of([] { Remap(Rules{{"/a", "/b"}, {"/b", "/a"}}); }), HasSubstr("rewritten itself"));
  EXPECT_THAT(error_of([] { Remap(Rules{{"/a", "/b"}, {"/a/", "/c"}}); }), HasSubstr("twice"));
  EXPECT_THAT(error_of([] { Remap(Rules{{"", "/b"}}); }), HasSubstr("empty"));
  EXPECT_THAT(error_of([] { Remap(Rules{{"s3://", "/b"}}); }), HasSubstr("scheme"));
}

TEST(Leaves, TextsBelowLists) {
  auto doc = json(R"({"a": {"b": [{"c": "1"}, {"d": 0}, {"c": null}, {"c": ["2", "3"]}, [{"c": "no"}]]}})");
  EXPECT_THAT(texts_at(doc, "a.b.c"), ElementsAre("1", "2", "3"));
  EXPECT_THAT(texts_at(doc, "a.x.c"), ElementsAre());
  const auto changed = change_texts(doc, "a.b.c", [](const std::string& text, std::size_t n) {
    return n == 1 ? std::nullopt : std::optional<std::string>(text + "!");
  });
  EXPECT_EQ(changed, 2U);
  EXPECT_EQ(doc, json(R"({"a": {"b": [{"c": "1!"}, {"d": 0}, {"c": null}, {"c": ["2", "3!"]}, [{"c": "no"}]]}})"));
}

TEST(Fields, ByTypeByConfigurationAndByPrefix) {
  const auto dataset = describe_dataset(json(R"({
      "_id": 1, "name": "d", "sample_collection_name": "s", "frame_collection_name": "f",
      "sample_fields": [
        {"name": "filepath"},
        {"name": "seg", "embedded_doc_type": "fiftyone.core.labels.Segmentation", "fields": []},
        {"name": "gt", "db_field": "gt_", "embedded_doc_type": "fiftyone.core.labels.Detections", "fields": [
          {"name": "detections", "embedded_doc_type": "fiftyone.core.labels.Detection", "fields": []}]},
        {"name": "extra", "fields": [{"name": "depth", "db_field": "d"}]},
        {"name": "cls", "embedded_doc_type": "fiftyone.core.labels.Classification"}],
      "frame_fields": [{"name": "m", "embedded_doc_type": "fiftyone.core.labels.Heatmap"}],
      "app_config": {"media_fields": ["filepath", "extra.depth", "seg", "loose"]}})"));
  std::vector<std::string> found;
  for (const auto& field : dataset.fields) found.push_back(field.name + "=" + field.path + (field.frames ? " f" : ""));
  EXPECT_THAT(found, ElementsAre("filepath=filepath", "seg.mask_path=seg.mask_path",
                                 "gt.detections.mask_path=gt_.detections.mask_path", "frames.m.map_path=m.map_path f",
                                 "extra.depth=extra.d", "loose=loose"));
  EXPECT_EQ(select_fields(dataset, {"gt", "gt.detections", "seg"}).size(), 2U);
  EXPECT_EQ(select_fields(dataset, {"*"}).size(), 6U);
  EXPECT_EQ(select_fields(dataset, {"frames"}).size(), 1U);
  EXPECT_EQ(error_of([&] { select_fields(dataset, {"cls"}); }), "'cls' is not a valid media field");
}

TEST(Location, InTheOrderOfTheDocumentation) {
  const std::vector<Root> roots{{FileSystem::kMinio, "https://minio.example.org/"},
                                {FileSystem::kMinio, "https://minio.example.org/gateway/"},
                                {FileSystem::kAzure, "az://"}};
  const auto at = [&](const char* path) {
    const auto found = locate(path, roots, "/home/me");
    return std::string(name_of(found.system)) + " " + found.root + " " + found.key;
  };
  EXPECT_EQ(at("s3://b/a//b/../c%20.jpg"), "s3 s3:// b/a//b/../c%20.jpg");
  EXPECT_EQ(at("gs://b/x"), "gcs gs:// b/x");
  EXPECT_EQ(at("az://c/x"), "azure az:// c/x");
  EXPECT_EQ(at("https://acc.blob.core.windows.net/c/x"), "azure https://acc.blob.core.windows.net/ c/x");
  EXPECT_EQ(at("https://minio.example.org/b/x"), "minio https://minio.example.org/ b/x");
  EXPECT_EQ(at("https://minio.example.org/gateway/b/x"), "minio https://minio.example.org/gateway/ b/x");
  EXPECT_EQ(at("https://example.org/b/x"), "http https:// example.org/b/x");
  EXPECT_EQ(at("/a/./b/../c/"), "local  /a/c");
  EXPECT_EQ(at("~/x"), "local  /home/me/x");
}

TEST(MediaConfig, EnvironmentBeforeFiles) {
  const Folder folder;
  const auto ini = folder.file(
      "azure.ini",
      "[default]\naccount_name = acc\nsas_token = sig=a%%2Bb\nalias = az\n[other]\naccount_name=%(x)s\nx = two\n");
  const auto cache = folder.file("cache.json", R"({"azure_credentials_file": ")" + ini + R"(", "num_workers": 5})");
  const MediaConfig config(Environment({{"FIFTYONE_MEDIA_CACHE_CONFIG_PATH", cache}, {"HOME", folder.path()}}));
  EXPECT_EQ(config.workers(), 5);
  const auto store = config.store(config.locate("az://c/x"));
  EXPECT_EQ(store.account, "acc");
  EXPECT_EQ(store.sas_token.reveal(), "sig=a%2Bb");
  EXPECT_EQ(store.endpoint, "https://acc.blob.core.windows.net");
  EXPECT_EQ(read_ini(ini, "other").at("account_name"), "two");

  const MediaConfig other(Environment({{"FIFTYONE_MEDIA_CACHE_CONFIG_PATH", cache},
                                       {"HOME", folder.path()},
                                       {"AZURE_STORAGE_CONNECTION_STRING", "AccountName=two;AccountKey=a2V5;"},
                                       {"AZURE_ALIAS", "blue"},
                                       {"FIFTYONE_MEDIA_CACHE_NUM_WORKERS", "7"}}));
  EXPECT_EQ(other.workers(), 7);
  const auto azure = other.store(other.locate("blue://c/x"));
  EXPECT_EQ(azure.account, "two");
  EXPECT_EQ(azure.account_key.reveal(), "a2V5");
  // The key of one account does not go to another one.
  EXPECT_EQ(other.store(other.locate("https://three.blob.core.windows.net/c/x")).account_key.reveal(), "");
}

TEST(MediaConfig, ProfilesOfAws) {
  const Folder folder;
  std::filesystem::create_directories(folder.path() + "/.aws");
  folder.file(".aws/credentials", "[work]\naws_access_key_id = id\naws_secret_access_key = s3cret\n");
  folder.file(".aws/config", "[profile work]\nregion = eu-west-1\ns3 =\n  max_concurrent_requests = 20\n");
  const MediaConfig config(Environment({{"HOME", folder.path()}, {"AWS_PROFILE", "work"}}));
  const auto s3 = config.store(config.locate("s3://b/x"));
  EXPECT_EQ(s3.access_key, "id");
  EXPECT_EQ(s3.secret_key.reveal(), "s3cret");
  EXPECT_EQ(s3.region, "eu-west-1");
  const MediaConfig ours(Environment({{"HOME", folder.path()},
                                      {"AWS_PROFILE", "work"},
                                      {"AWS_ACCESS_KEY_ID", "mine"},
                                      {"AWS_ENDPOINT_URL", "http://a"},
                                      {"AWS_ENDPOINT_URL_S3", "http://b"}}));
  EXPECT_EQ(ours.store(ours.locate("s3://b/x")).access_key, "mine");
  EXPECT_EQ(ours.store(ours.locate("s3://b/x")).endpoint, "http://b");
  const Environment unknown({{"HOME", folder.path()}, {"AWS_PROFILE", "home"}});
  EXPECT_THAT(error_of([&] { MediaConfig{unknown}; }), HasSubstr("'home'"));
}

TEST(MediaConfig, WrongFilesAreNamedWithoutTheirContent) {
  const Folder folder;
  const auto wrong = folder.file("a.ini", "[default]\naccess_key s3cret\n");
  const auto percent = folder.file("b.ini", "[default]\nsecret_access_key = 5%s3cret\n");
  const auto no_json = folder.file("c.json", "s3cret");
  const std::pair<const char*, std::string> cases[] = {{"MINIO_CONFIG_FILE", wrong},
                                                       {"MINIO_CONFIG_FILE", percent},
                                                       {"MINIO_CONFIG_FILE", "/nowhere"},
                                                       {"FIFTYONE_MEDIA_CACHE_CONFIG_PATH", no_json},
                                                       {"AZURE_STORAGE_CONNECTION_STRING", "s3cret"}};
  for (const auto& [variable, value] : cases) {
    const Environment environment({{"HOME", folder.path()}, {variable, value}});
    const auto text = error_of([&] { MediaConfig{environment}; });
    EXPECT_NE(text, "") << variable;
    EXPECT_EQ(text.find("s3cret"), std::string::npos) << text;
  }
}

TEST(Names, Numbered) {
  EXPECT_EQ(numbered("b/a.jpg", 2), "b/a-2.jpg");
  EXPECT_EQ(numbered("b.c/a", 3), "b.c/a-3");
  EXPECT_EQ(numbered("b/.hidden", 2), "b/.hidden-2");
  EXPECT_EQ(numbered("a.tar.gz", 2), "a.tar-2.gz");
}

TEST(Names, ContentTypes) {
  EXPECT_EQ(content_type_of("a/B.JPG"), "image/jpeg");
  EXPECT_EQ(content_type_of("a.b/x"), "application/octet-stream");
}

TEST(Scene, AssetsAndReferences) {
  const std::string scene =
      R"({"_type": "Scene", "children": [{"pcdPath": "a.pcd", "children": [{"objPath": "/b.obj", "name": "pcdPath"}]}],
          "background": {"image": null, "cube": ["1", "2"]}})";
  EXPECT_THAT(assets_of_scene(scene), ElementsAre("a.pcd", "/b.obj", "1", "2"));
  const auto changed = with_assets(scene, [](const std::string& name) { return "x" + name; });
  EXPECT_THAT(assets_of_scene(changed), ElementsAre("xa.pcd", "x/b.obj", "x1", "x2"));
  EXPECT_THAT(references_of("a.mtl", "newmtl m\nKd 1 1 1\nmap_Kd -s 1 2 3 t.png\nbump n.png\n"),
              ElementsAre("t.png", "n.png"));
  EXPECT_THAT(references_of("a.gltf", R"({"buffers": [{"uri": "a%20b.bin"}, {"uri": "data:1"}], "images": [{}]})"),
              ElementsAre("a b.bin"));
  EXPECT_THAT(references_of("a.obj", "x"), ElementsAre());
  EXPECT_TRUE(is_scene("A.FO3D"));
  EXPECT_THROW(assets_of_scene("no"), Error);
}

Manifest::Entry entry(const std::string& remote, FileState state, bool uploaded) {
  Manifest::Entry out;
  out.remote = remote;
  out.state = std::move(state);
  out.sha256 = uploaded ? "hash" : "";
  out.confirmed = uploaded ? "etag" : "";
  out.uploaded = uploaded;
  return out;
}

TEST(Manifest, GrowsAndForgetsALineCutOff) {
  const Folder folder;
  const auto path = folder.path() + "/sub/m.jsonl";
  const Document header{{"dataset", "d"}};
  {
    Manifest manifest(path, header);
    manifest.add("/a", entry("s3://b/a", {1, 2, ""}, false));
    manifest.add("/a", entry("s3://b/a", {1, 2, ""}, true));
    manifest.add("/b", entry("s3://b/b", {3, 0, "tag"}, false));
    EXPECT_THAT(error_of([&] { Manifest(path, header); }), HasSubstr("Another program"));
  }
  std::ofstream(path, std::ios::app) << R"({"state": "uploaded", "local": "/b", "rem)";
  {
    Manifest manifest(path, header);
    EXPECT_TRUE(manifest.find("/a")->uploaded);
    EXPECT_EQ(manifest.find("/a")->sha256, "hash");
    EXPECT_FALSE(manifest.find("/b")->uploaded);
    EXPECT_EQ(manifest.find("/b")->state.etag, "tag");
    manifest.add("/b", entry("s3://b/b", {3, 0, "tag"}, true));
  }
  EXPECT_TRUE(Manifest(path, header).find("/b")->uploaded);
  EXPECT_EQ(Manifest::read(path).size(), 2U);
  EXPECT_THAT(error_of([&] { Manifest(path, Document{{"dataset", "other"}}); }), HasSubstr("another upload"));
}

TEST(LocalFile, HashesOnTheWayOrAfterwards) {
  const Folder folder;
  const auto path = folder.path() + "/f";
  const auto part = static_cast<std::size_t>(kPartSize);
  const std::string bytes(part + 5, 'x');
  std::ofstream(path) << bytes;
  const auto sums = raw(sha256(bytes.substr(0, part))) + raw(sha256("xxxxx"));
  const auto whole = sha256_hex(sums) + "-2";
  const auto etag = to_hex(md5(md5(bytes.substr(0, part)) + md5("xxxxx"))) + "-2";
  LocalFile file(path);
  EXPECT_EQ(file.sha256(), whole);
  EXPECT_EQ(file.md5(false), to_hex(md5(bytes)));
  EXPECT_EQ(file.md5(true), etag);
  {
    const auto content = file.content(true);
    std::string buffer(part + 100, '\0');
    EXPECT_EQ(content.read(buffer.data(), buffer.size()), bytes.size());
  }
  EXPECT_EQ(file.sha256(), whole);
  EXPECT_EQ(file.md5(true), etag);
  EXPECT_EQ(file.sha256(), whole);  // read once more
  {
    const auto content = file.content(true);
    EXPECT_EQ(content.part_sha256(1), raw(sha256("xxxxx")));
    std::string buffer(7, '\0');
    EXPECT_EQ(content.read_at(static_cast<std::int64_t>(part), buffer.data(), buffer.size()), 5U);
  }
  EXPECT_EQ(file.sha256(), whole);
  EXPECT_TRUE(file.unchanged());
  std::ofstream(path, std::ios::app) << "y";
  EXPECT_FALSE(file.unchanged());
}

TEST(ContentHash, SmallContentHasNoParts) {
  ContentHash<Sha256> hash(3);
  hash.update("a");
  hash.update("bc");
  EXPECT_EQ(hash.finish(), sha256_hex("abc"));
  EXPECT_EQ(ContentHash<Md5>(0).finish(), to_hex(md5("")));
}

TEST(Bandwidth, WaitsAtLeastAsLongAsTheRateAsks) {
  Bandwidth bandwidth(1'000'000);
  std::atomic<bool> stopped = false;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { bandwidth.take(100'000, stopped); });
  for (auto& thread : threads) thread.join();
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(150));
  stopped = true;
  bandwidth.take(std::int64_t{1} << 40, stopped);  // does not wait
  Bandwidth(std::nullopt).take(std::int64_t{1} << 40, stopped);
}

TEST(Parts, AreNeverMoreThanS3Takes) {
  EXPECT_EQ(part_count(0), 1);
  EXPECT_EQ(part_count(kPartSize - 1), 1);
  EXPECT_EQ(part_count(kPartSize), 1);
  EXPECT_EQ(part_count(kPartSize + 1), 2);
  EXPECT_EQ(part_size(kPartSize * kMostParts), kPartSize);
  constexpr std::int64_t kLarge = std::int64_t{5} << 40;
  EXPECT_EQ(part_size(kPartSize * kMostParts + 1), std::int64_t{11} << 20);
  EXPECT_LE(part_count(kLarge), kMostParts);
}

}  // namespace
}  // namespace fm::media
