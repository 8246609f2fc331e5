#include "property/crash_cases.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "exec/history.h"
#include "revisions/catalogue.h"

namespace fm {

using bson::Array;
using bson::Binary;
using bson::Date;
using bson::Document;
using bson::Value;

namespace {

constexpr std::int64_t kNow = 1'700'000'000'123;
const char* const kSeed = "0123456789abcdef";

CrashCase of(std::string name, std::string from, std::string to, FakeDatabase db) {
  return {std::move(name), std::move(from), std::move(to), std::move(db.dataset), std::move(db.collections)};
}

void set_version(FakeDatabase& db, const std::string& version) {
  db.dataset.take("version");
  if (!version.empty()) db.dataset.append("version", version);
}

// Runs that name results get them, as a client stores them.
void add_results(CrashCase& one) {
  const std::string json = R"({"cls": "fiftyone.brain.similarity.SimilarityResults", "embeddings": [1, 2]})";
  Array files;
  for (const auto& run : one.collections["runs"]) {
    const auto* results = run.find("results");
    if (!results || results->is_null()) continue;
    bool known = false;
    for (const auto& file : files) known = known || file == *results;
    if (known) continue;
    files.append(*results);
    one.collections["fs.files"].push_back({{"_id", *results},
                                           {"contentType", "application/json"},
                                           {"chunkSize", 261120},
                                           {"length", static_cast<std::int64_t>(json.size())},
                                           {"uploadDate", Date{kNow}}});
    one.collections["fs.chunks"].push_back({{"_id", bson::Oid{{1, static_cast<std::uint8_t>(files.size())}}},
                                            {"files_id", *results},
                                            {"n", 0},
                                            {"data", Binary{0, json}}});
  }
}

// The datasets before and after each revision, on the way up.
void add_steps(std::vector<CrashCase>& out, const std::string& media) {
  auto db = ancient_dataset(Content::kFull, media);
  std::string below = "0.6.1";
  for (const auto& revision : built_in_catalogue().datasets) {
    const bool first = below == "0.6.1";
    set_version(db, first ? "" : below);
    auto up = of(media + "_up_" + revision.text, below, revision.text, db);
    migrate(db, revision, true);
    use(db, revision.text, Content::kFull);
    set_version(db, revision.text);
    auto down = of(media + "_down_" + revision.text, revision.text, below, db);
    for (auto* one : {&up, &down}) {
      if (revision.text == "0.20.0") add_results(*one);
      out.push_back(std::move(*one));
    }
    below = revision.text;
  }
}

// Collections without a dataset, which go at 0.15.0.
CrashCase with_orphans() {
  auto out = of("orphans_up", "0.14.4", "0.15.1", {});
  out.dataset = Document{{"_id", 7}, {"name", "d"}, {"version", "0.14.4"}, {"sample_collection_name", "samples.d"}};
  out.collections["samples.d"] = {Document{{"_id", 1}}};
  for (const char* name : {"samples.orphan", "frames.samples.orphan", "clips.orphan"}) {
    out.collections[name] = {Document{{"_id", 1}}};
  }
  return out;
}

}  // namespace

std::vector<CrashCase> crash_cases() {
  std::vector<CrashCase> out;
  const char* wanted = std::getenv("FM_CRASH_CASES");
  const bool all = wanted && std::string_view(wanted) == "all";
  add_steps(out, "video");
  if (all) add_steps(out, "image");
  out.push_back(with_orphans());
  const auto modern = [](const char* media) { return modern_dataset(Content::kFull, media); };
  if (all) out.push_back(of("images_down", "1.22.1", "0.6.1", modern("image")));
  out.push_back(of("videos_down", "1.22.1", "0.6.1", modern("video")));
  out.push_back(of("groups_down", "1.22.1", "0.17.0", modern("group")));
  if (all) out.push_back(of("images_up", "0.5.0", "1.22.1", ancient_dataset(Content::kFull, "image")));
  out.push_back(of("videos_up", "0.5.0", "1.22.1", ancient_dataset(Content::kFull, "video")));
  // Several datasets, some with a share of one collection, some without.
  auto many = of("many_up", "1.0.0", "1.22.1", {});
  for (int i = 0; i < 5; ++i) {
    const auto name = "d" + std::to_string(i);
    Document dataset{{"_id", i}, {"name", name}, {"slug", name}, {"version", "1.0.0"}};
    if (i == 0) {
      many.dataset = dataset;
    } else {
      many.collections["datasets"].push_back(dataset);
    }
    if (i % 2 == 0) continue;
    for (int n = 0; n < 3; ++n) {
      many.collections["delegated_ops"].push_back(
          {{"_id", 10 * i + n}, {"dataset_id", i}, {"run_link", "/logs/a.log"}});
    }
  }
  out.push_back(std::move(many));
  return out;
}

std::string journalled_run() { return run_id(kNow, kSeed); }

void store(Mongo& mongo, const CrashCase& one) {
  for (const auto& name : mongo.collection_names()) mongo.drop(name);
  mongo.insert("config", {Document{{"_id", 1}, {"version", one.from}, {"type", "fiftyone"}}});
  mongo.insert("datasets", {one.dataset});
  for (const auto& [name, docs] : one.collections) {
    if (!docs.empty()) mongo.insert(name, docs);
  }
  mongo.insert("migrator.journal", {Document{{"_id", "run"},
                                             {"run", journalled_run()},
                                             {"target", one.to},
                                             {"request", ""},
                                             {"now", Date{kNow}},
                                             {"seed", Binary{0, kSeed}}}});
}

}  // namespace fm
