// How passes over collections and GridFS files run on a server: every document
// once, whatever its _id; one after another or as one; inserts while they run.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "exec/gridfs.h"
#include "ops/server_form.h"
#include "property/collections.h"

namespace fm {
namespace {

using bson::Array;
using bson::Document;
using bson::Value;
using ops::Pass;

constexpr const char* kCollection = "members";

class Passes : public Properties {};

// An _id of any type the server takes; all are different.
Value any_id(int n) {
  bson_value_t timestamp = {};
  timestamp.value_type = BSON_TYPE_TIMESTAMP;
  timestamp.value.v_timestamp.timestamp = static_cast<std::uint32_t>(n + 1);
  bson_value_t decimal = {};
  decimal.value_type = BSON_TYPE_DECIMAL128;
  bson_decimal128_from_string((std::to_string(n) + ".25").c_str(), &decimal.value.v_decimal128);
  const auto text = std::to_string(n);
  switch (below(12)) {
    case 0:
      return n;
    case 1:
      return std::int64_t{1} << 40 | n;
    case 2:
      return n + 0.5;
    case 3:
      return text;
    case 4:
      return numbered_oid(n);
    case 5:
      return Document{{"a", n}, {"b", bson::Null{}}};
    case 6:
      return Document{{text, 1}};
    case 7:
      return bson::Binary{0, text};
    case 8:
      return bson::Date{n};
    case 9:
      return bson::Raw(timestamp);
    case 10:
      return bson::Raw(decimal);
    default:
      return -n - 1;
  }
}

std::vector<Document> mixed_members(int count) {
  std::vector<Document> out;
  for (int i = 0; i < count; ++i) out.push_back({{"_id", any_id(i)}});
  for (const Value& id : {Value(), Value(true), Value(false), Value(Document()), Value(std::nan("")), Value("")}) {
    if (chance(50)) out.push_back({{"_id", id}});
  }
  std::shuffle(out.begin(), out.end(), choices());
  return out;
}

// Adds one to `n` of every document that has none yet.
Pass counting(const char* n) {
  const auto field = std::string("$") + n;
  const Value next = ops::expression("$add", Array{ops::expression("$ifNull", Array{field, 0}), 1});
  Pass pass;
  pass.collection = kCollection;
  pass.pending = Document{{n, Document{{"$exists", false}}}};
  pass.pipeline = Array{Document{{"$set", Document{{n, next}}}}};
  return pass;
}

void expect_ones(const char* n, std::size_t count) {
  const auto docs = stored(kCollection);
  RC_ASSERT(docs.size() == count);
  for (const auto& doc : docs) {
    const auto* value = doc.find(n);
    if (value && *value == Value(1)) continue;
    RC_LOG() << bson::shown(doc) << "\n";
    RC_FAIL("a document was not touched exactly once");
  }
}

RC_GTEST_FIXTURE_PROP(Passes, EveryDocumentOnce, ()) {
  const auto docs = mixed_members(below(40));
  fill(kCollection, docs);
  // Without its condition nothing but the ranges keeps it from counting twice.
  auto pass = counting("n");
  pass.pending = {};
  pass.rescan = false;
  std::int64_t last = 0;
  PassSettings settings;
  settings.range_size = between(1, 9);
  settings.progress = [&](const std::string& collection, std::int64_t done, std::int64_t total) {
    RC_ASSERT(collection == kCollection);
    RC_ASSERT(done >= last && done <= total);
    last = done;
  };
  run_pass(test_server(), pass, settings);
  expect_ones("n", docs.size());
  RC_ASSERT(last == static_cast<std::int64_t>(docs.size()));
}

RC_GTEST_FIXTURE_PROP(Passes, EveryDocumentOnceByMerge, ()) {
  auto docs = mixed_members(below(10));
  std::erase_if(docs, [](const Document& doc) { return doc[0].value.is_null(); });  // $merge takes no null
  fill(kCollection, docs);
  auto pass = counting("n");
  pass.pending = {};
  pass.rescan = false;
  pass.merge = true;
  const auto update = std::move(pass.pipeline);
  pass.pipeline = Array{
      Document{{"$project", Document{{"_id", 1}}}},
      Document{{"$merge",
                Document{{"into", kCollection}, {"on", "_id"}, {"whenMatched", update}, {"whenNotMatched", "fail"}}}}};
  run_all({pass}, pick<std::int64_t>({1, 100, 150}));
  expect_ones("n", docs.size());
}

// Cut off at a border, a pass goes on there: what was before it is not read.
RC_GTEST_FIXTURE_PROP(Passes, GoesOnAtTheCursor, ()) {
  auto docs = mixed_members(between(3, 40));
  const bool shared = chance(50);
  for (auto& doc : docs) doc.append("owner", shared ? below(2) : 1);
  fill(kCollection, docs);
  auto pass = counting("n");
  pass.pending = {};
  pass.rescan = false;
  if (shared) pass.filter = Document{{"owner", 1}};
  PassSettings settings;
  settings.range_size = between(1, 4);
  std::optional<PassCursor> cursor;
  int left = between(0, 12);
  try {
    run_pass(test_server(), pass, settings, {}, [&](const PassCursor& at) {
      cursor = at;
      if (left-- == 0) throw Error(Exit::kInterrupted, "cut off");
    });
  } catch (const Error&) {
    run_pass(test_server(), pass, settings, cursor);
  }
  for (const auto& doc : stored(kCollection)) {
    const bool mine = *doc.find("owner") == Value(1);
    RC_ASSERT(doc.has("n") == mine);
    if (mine) RC_ASSERT(*doc.find("n") == Value(1));
  }
}

RC_GTEST_FIXTURE_PROP(Passes, OnlyTheDocumentsOfTheFilter, ()) {
  auto docs = mixed_members(below(20));
  for (auto& doc : docs) doc.append("owner", below(2));
  fill(kCollection, docs);
  auto pass = counting("n");
  pass.filter = Document{{"owner", 1}};
  run_all({pass}, between(1, 9));
  for (const auto& doc : stored(kCollection)) RC_ASSERT(doc.has("n") == (*doc.find("owner") == Value(1)));
  RC_ASSERT(measure_pending(test_server(), pass).documents == 0);
}

// Other clients insert on both sides of where the pass is.
RC_GTEST_FIXTURE_PROP(Passes, InsertsWhileItRuns, ()) {
  auto docs = mixed_members(between(5, 30));
  fill(kCollection, docs);
  int inserted = 0;
  PassSettings settings;
  settings.range_size = between(1, 4);
  settings.progress = [&](const std::string&, std::int64_t, std::int64_t) {
    if (inserted >= 6) return;
    test_server().insert(kCollection, {Document{{"_id", any_id(1000 + inserted)}}});
    ++inserted;
  };
  run_pass(test_server(), counting("n"), settings);
  expect_ones("n", docs.size() + static_cast<std::size_t>(inserted));
}

TEST(PassesThatNeverEnd, AreGivenUp) {
  fill(kCollection, {Document{{"_id", 1}}});
  auto pass = counting("n");
  pass.pending = Document{{"_id", 1}};
  EXPECT_THROW(run_all({pass}, 10), Error);
}

TEST(PassesOverNothing, AreDone) {
  Pass pass = counting("n");
  pass.collection = "there is none";
  run_all({pass}, 10);
  EXPECT_EQ(measure_pending(test_server(), pass).documents, 0);
  pass.merge = true;
  pass.pipeline = Array{Document{{"$merge", Document{{"into", "neither"}, {"whenNotMatched", "discard"}}}}};
  run_all({pass}, 10);
  EXPECT_EQ(test_server().collection_names().count("there is none"), 0u);
}

// ---- Ids that hold a time.

RC_GTEST_FIXTURE_PROP(Passes, IdsWithoutTimeAreFound, ()) {
  auto docs = mixed_members(below(6));
  if (chance(50))
    std::erase_if(
        docs, [](const Document& doc) { return !doc[0].value.as<std::int64_t>() && !doc[0].value.as<std::int32_t>(); });
  std::erase_if(docs, [](const Document& doc) {  // of a type that holds a time, but does not
    const auto* number = doc[0].value.as<double>();
    return number && std::isnan(*number);
  });
  fill(kCollection, docs);
  const auto found = without_time(test_server(), kCollection);
  bool fails = false;
  try {
    std::vector<Value> times;
    test_server().aggregate(kCollection,
                            Array{Document{{"$project", Document{{"t", ops::expression("$toDate", "$_id")}}}}},
                            [&](bson::View view) { times.push_back(*view.get("t")); });
  } catch (const Error&) {
    fails = true;
  }
  if (fails) RC_ASSERT(found.has_value());
}

// ---- Passes that run as one.

// Steps that disturb each other if their order changes.
std::vector<ops::Step> random_steps() {
  const auto step = [](const char* text) { return ops::parse_step(json(text), 0); };
  std::vector<ops::Step> out;
  for (int i = between(1, 6); i > 0; --i) {
    out.push_back(step(pick<const char*>({
        R"({"rename": {"from": "a", "to": "b"}, "over": "samples"})",
        R"({"rename": {"from": "b", "to": "c"}, "over": "samples"})",
        R"({"rename": {"from": "c", "to": "a"}, "over": "samples"})",
        R"({"unset": {"path": "b"}, "over": "samples"})",
        R"({"unset": {"path": ["a", "x"]}, "over": "samples"})",
        R"({"compute": {"path": "b", "from": "dataset_id"}, "over": "samples"})",
        R"({"compute": {"path": "c", "from": "now"}, "over": "samples"})",
        R"({"set_default": {"path": "a", "value": {"k": "v"}}, "over": "samples"})",
        R"({"set": {"path": "c", "value": "x"}, "over": "samples"})",
        R"({"custom": {"function": "polyline_shapes", "wrap": true}, "over": "samples"})",
        R"({"custom": {"function": "polyline_shapes", "wrap": false}, "over": "samples"})",
        R"({"rename": {"from": "a", "to": "c"}, "over": "samples", "filter": {"b": {"exists": true}}})",
        R"({"unset": {"path": "c"}, "over": "samples", "filter": {"b": {"exists": true}}})",
        R"({"unset": {"path": "b"}, "over": "frames"})",
        R"({"rename": {"from": "a", "to": "b"}, "over": "frames"})",
        R"({"custom": {"function": "frame_summary"}, "over": "samples"})",
    })));
  }
  return out;
}

RC_GTEST_FIXTURE_PROP(Passes, RunAsOneGivesTheSame, ()) {
  const auto steps = random_steps();
  ops::IdGenerator ids(kNow, "seed");
  ops::Context context(kDatasetId, kNow, ids, nullptr);
  Document dataset{{"sample_collection_name", "samples.x"}, {"frame_collection_name", "frames.samples.x"}};
  ops::apply(steps, dataset, context);
  std::vector<Pass> passes;
  for (const auto& work : context.work) {
    for (auto& pass : ops::lower(work, context)) passes.push_back(std::move(pass));
  }
  std::map<std::string, std::vector<Document>> before;
  for (const char* collection : {"samples.x", "frames.samples.x"}) {
    for (int i = below(12); i > 0; --i) {
      std::vector<std::pair<std::string, Value>> elements;
      for (const char* key : {"a", "b", "c"}) {
        if (chance(50)) elements.emplace_back(key, chance(40) ? any_label() : any_value());
      }
      if (collection[0] == 'f') {
        elements.emplace_back("_sample_id", numbered_oid(below(8)));
        elements.emplace_back("frame_number", i);
      }
      before[collection].push_back(scattered(numbered_oid(i), std::move(elements)));
    }
  }
  const auto start = [&] {
    for (const char* collection : {"samples.x", "frames.samples.x"}) fill(collection, before[collection]);
  };
  start();
  run_all(passes, 5);
  const auto samples = stored("samples.x");
  const auto frames = stored("frames.samples.x");
  const auto fused = fuse(passes);
  RC_ASSERT(fused.size() <= passes.size());
  start();
  run_all(fused, 5);
  for (const auto& step : steps) RC_LOG() << ops::describe(step) << "\n";
  same(stored("samples.x"), samples, before["samples.x"]);
  same(stored("frames.samples.x"), frames, before["frames.samples.x"]);
  for (const auto& pass : fused) {
    if (!pass.whole && pass.rescan && fused.size() == 1) RC_ASSERT(measure_pending(test_server(), pass).documents == 0);
  }
}

// ---- GridFS.

constexpr std::size_t kChunkSize = 261120;

std::string json_text(int depth, std::size_t size) {
  const auto text = [&] {
    std::string out = "\"";
    for (std::size_t i = 0; i < size; ++i)
      out += pick<std::string>({"a", "\\\"", "\\\\", "é", "{", "}", "\\u00e9", "cls", ":", ","});
    return out + "\"";
  };
  switch (below(depth > 0 ? 5 : 3)) {
    case 0:
      return pick<std::string>({"null", "true", "-12", "0.5", "{}", "[]"});
    case 1:
    case 2:
      return text();
    case 3: {
      std::string out = "[";
      for (int i = between(1, 4); i > 0; --i) out += json_text(depth - 1, size) + (i > 1 ? ", " : "]");
      return out;
    }
    default: {
      std::string out = "{\"cls\": " + json_text(depth - 1, size);
      for (int i = below(3); i > 0; --i) out += ", \"k" + std::to_string(i) + "\": " + json_text(depth - 1, size);
      return out + "}";
    }
  }
}

std::string content(const Value& file) {
  std::string out;
  FindOptions options;
  options.sort = Document{{"n", 1}};
  int n = 0;
  test_server().find("fs.chunks", Document{{"files_id", file}}, options, [&](bson::View view) {
    RC_ASSERT(*view.get("n") == Value(n++));
    out += view.get("data")->as<bson::Binary>()->data;
  });
  return out;
}

struct File {
  Value old_id;
  std::string text;
  ops::FilePatch patch;
};

// A JSON object with "cls" among other keys, of some hundred bytes or several of
// the 255 KiB chunks, stored in pieces of any size.
File random_file(int n, std::vector<Document>& files, std::vector<Document>& chunks) {
  const std::size_t size = chance(20) ? 20000 : 20;
  std::string text = "{";
  for (int i = below(4); i > 0; --i) text += "\"before" + std::to_string(i) + "\": " + json_text(2, size) + ", ";
  text += "\"cls\": \"" + std::string(below<std::size_t>(300), 'o') + "\"";
  for (int i = below(4); i > 0; --i) text += ", \"after" + std::to_string(i) + "\": " + json_text(2, size);
  text += "}";
  const Value old_id = chance(90) ? Value(numbered_oid(n)) : Value("file " + std::to_string(n));
  const auto piece = chance(30) ? kChunkSize : between<std::size_t>(text.size() / 9 + 1, text.size() + 1);
  for (std::size_t at = 0, i = 0; at < text.size(); at += piece, ++i) {
    chunks.push_back({{"_id", numbered_oid(100 * n + static_cast<int>(i))},
                      {"files_id", old_id},
                      {"n", static_cast<std::int32_t>(i)},
                      {"data", bson::Binary{0, text.substr(at, piece)}}});
  }
  files.push_back({{"_id", old_id}, {"length", static_cast<std::int64_t>(text.size())}});
  return {old_id, text, {old_id, numbered_oid(50 + n), "cls", "a.New" + std::string(below<std::size_t>(300), 'n')}};
}

void expect_patched(const File& file) {
  const auto copied = content(file.patch.new_id);
  // The key may be there in nested objects too: only the one at the top changes.
  auto expected = bson::from_json(file.text);
  const auto old_size = expected.find("cls")->as<std::string>()->size();
  expected.set("cls", file.patch.value);
  RC_ASSERT(bson::from_json(copied) == expected);
  RC_ASSERT(copied.size() == file.text.size() - old_size + file.patch.value.size());
  const auto stored_file = test_server().find_one("fs.files", Document{{"_id", file.patch.new_id}});
  RC_ASSERT(stored_file.has_value());
  RC_ASSERT(*stored_file == (Document{{"_id", file.patch.new_id},
                                      {"contentType", "application/json"},
                                      {"chunkSize", 261120},
                                      {"length", static_cast<std::int64_t>(copied.size())},
                                      {"uploadDate", bson::Date{kNow}}}));
  for (const auto& doc : stored("fs.chunks")) {
    if (!(*doc.find("files_id") == Value(file.patch.new_id))) continue;
    const auto n = static_cast<std::size_t>(*doc.find("n")->integer());
    const auto length = doc.find("data")->as<bson::Binary>()->data.size();
    const bool last = n == (copied.size() - 1) / kChunkSize;
    RC_ASSERT(length == (last ? (copied.size() - 1) % kChunkSize + 1 : kChunkSize));
  }
}

RC_GTEST_FIXTURE_PROP(Passes, PatchedFiles, ()) {
  std::vector<Document> stored_files;
  std::vector<Document> chunks;
  std::vector<File> files;
  for (int i = between(1, 4); i > 0; --i) files.push_back(random_file(i, stored_files, chunks));
  fill("fs.chunks", chunks);
  fill("fs.files", stored_files);
  std::vector<ops::FilePatch> patches;
  bson::Array old_ids;
  for (const auto& file : files) {
    RC_ASSERT(file_has_key(test_server(), file.old_id, "cls"));
    RC_ASSERT_FALSE(file_has_key(test_server(), file.old_id, "after9"));
    patches.push_back(file.patch);
    old_ids.append(file.old_id);
  }
  RC_ASSERT_FALSE(file_has_key(test_server(), numbered_oid(7), "cls"));
  if (chance(30)) {
    // Two runs may share a file.
    auto other = files[0];
    other.patch.new_id = numbered_oid(60);
    files.push_back(other);
    patches.push_back(other.patch);
  }

  const ops::IdGenerator ids(kNow, "seed");
  if (chance(50)) {
    // A run that was killed before the end left some of it.
    copy_patched(test_server(), patches, kNow, ids);
    for (const auto& file : files) {
      if (chance(70)) test_server().remove("fs.files", {file.patch.new_id});
    }
    for (const auto& doc : stored("fs.chunks")) {
      const auto* of = doc.find("files_id");
      const bool complete = test_server().find_one("fs.files", Document{{"_id", *of}}).has_value();
      if (!complete && chance(50)) test_server().remove("fs.chunks", {*doc.find("_id")});
    }
  }
  copy_patched(test_server(), patches, kNow, ids);
  for (const auto& file : files) expect_patched(file);

  // Again: nothing more. Then the old ones go, and they are gone twice.
  const auto before = stored("fs.chunks");
  copy_patched(test_server(), patches, kNow + 5, ids);
  RC_ASSERT(stored("fs.chunks") == before);
  for (int i = 0; i < 2; ++i) delete_files(test_server(), old_ids);
  for (const auto& file : files) {
    RC_ASSERT(content(file.old_id).empty());
    expect_patched(file);
  }
}

}  // namespace
}  // namespace fm
