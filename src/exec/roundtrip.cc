#include "exec/roundtrip.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <unordered_map>

#include "base/hash.h"
#include "base/machine.h"
#include "base/text.h"
#include "bson/difference.h"
#include "bson/json.h"
#include "bson/read.h"
#include "exec/control.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kIdsAtOnce = 500;
constexpr std::size_t kExampleCells = 60;

// Documents of a collection, by encoded _id.
using Hashes = std::unordered_map<std::string, Digest>;

Digest hash_of(bson::View view) { return sha256({reinterpret_cast<const char*>(view.data()), view.size()}); }

// Files are compared by what they hold: a file that is rewritten has a new _id.
constexpr const char* kFiles = "fs.files";
constexpr const char* kChunks = "fs.chunks";

bool of_the_data(const std::string& collection) {
  return !collection.starts_with("migrator.") && collection != "config" && collection != kFiles &&
         collection != kChunks;
}

// By encoded _id of the file.
Hashes file_contents(Mongo& corner) {
  FindOptions options;
  options.sort = Document{{"files_id", 1}, {"n", 1}};
  Hashes out;
  std::optional<Value> file;
  Sha256 content;
  const auto end = [&] {
    if (!file) return;
    out.emplace(id_key(*file), content.finish());
    content = Sha256();
  };
  corner.find(kChunks, {}, options, [&](bson::View view) {
    const auto chunk = view.decode();
    const auto* id = chunk.find("files_id");
    const auto* data = chunk.find("data");
    if (!id || !data || !data->as<bson::Binary>()) return;
    if (!file || !(*file == *id)) end();
    file = *id;
    content.update(data->as<bson::Binary>()->data);
  });
  end();
  return out;
}

struct Snapshot {
  std::map<std::string, Hashes> documents;  // by collection
  Hashes files;
};

Snapshot snapshot(Mongo& corner) {
  Snapshot out;
  out.files = file_contents(corner);
  for (const auto& name : corner.collection_names()) {
    if (!of_the_data(name)) continue;
    auto& hashes = out.documents[name];
    corner.find(name, {}, {}, [&](bson::View view) { hashes.emplace(id_key(*view.get("_id")), hash_of(view)); });
  }
  return out;
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Each dataset to where it came from, whatever way that is.
Plan way_back(const Catalogue& catalogue, const Heads& first, const Heads& now, const Plan& there) {
  Plan out;
  out.target = "their versions";
  out.database_version = first.database.value_or(there.database_version);
  if (first.database && now.database && *first.database != *now.database) {
    out.database.push_back(make_route(catalogue, catalogue.database, *now.database, *first.database));
  }
  std::map<std::string, const DatasetHead*> before;
  for (const auto& head : first.datasets) before.emplace(id_key(head.id), &head);
  std::map<std::pair<std::string, std::string>, std::size_t> routes;
  for (std::size_t i = 0; i < now.datasets.size(); ++i) {
    const auto from = now.datasets[i].version.value_or("0.0");
    const auto found = before.find(id_key(now.datasets[i].id));
    const auto to = found == before.end() ? from : found->second->version.value_or("0.0");
    if (from == to) continue;
    const auto [at, added] = routes.emplace(std::pair(from, to), out.routes.size());
    if (added) out.routes.push_back(make_route(catalogue, catalogue.datasets, from, to));
    out.datasets.push_back({i, at->second});
  }
  return out;
}

// Which dataset a document belongs to.
class Owners {
 public:
  explicit Owners(Mongo& corner) {
    corner.find("datasets", {}, {}, [&](bson::View view) {
      const auto dataset = view.decode();
      const auto name = shown_name(dataset);
      by_id_.emplace(id_key(*dataset.find("_id")), name);
      const auto samples = bson::text_at(dataset, "sample_collection_name");
      by_collection_.emplace(samples, name);
      by_collection_.emplace("frames." + samples, name);
      by_collection_.emplace(bson::text_at(dataset, "frame_collection_name"), name);
    });
  }
  std::string of(const std::string& collection, const Document& document) const {
    if (const auto found = by_collection_.find(collection); found != by_collection_.end()) return found->second;
    for (const char* key : {"_id", "_dataset_id", "dataset_id"}) {
      const auto* id = document.find(key);
      const auto found = id ? by_id_.find(id_key(*id)) : by_id_.end();
      if (found != by_id_.end()) return found->second;
    }
    return "";
  }

 private:
  std::unordered_map<std::string, std::string> by_id_;
  std::unordered_map<std::string, std::string> by_collection_;
};

// "ground_truth.detections.[].points"
std::string general(const std::string& path) {
  std::string out;
  std::size_t start = 0;
  while (start <= path.size()) {
    const auto dot = std::min(path.find('.', start), path.size());
    const auto part = path.substr(start, dot - start);
    const bool number =
        !part.empty() && std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    out += (start > 0 ? "." : "") + (number ? "[]" : part);
    start = dot + 1;
  }
  return out;
}

std::string shown(const Value* value) {
  if (!value) return "(absent)";
  const auto json = bson::to_relaxed_json(Document{{"v", *value}});
  const auto open = json.find(':') + 1;
  auto text = json.substr(open, json.rfind('}') - open);
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return one_line(text, kExampleCells);
}

class Comparison {
  using Kind = RoundtripDifference::Kind;

 public:
  Comparison(Mongo& mongo, Mongo& corner, RoundtripReport& report)
      : mongo_(mongo), corner_(corner), owners_(corner), report_(report) {}

  void run(Snapshot before, const std::function<void()>& checkpoint) {
    files_before_ = std::move(before.files);
    files_after_ = file_contents(corner_);
    files();
    auto names = corner_.collection_names();
    for (const auto& [name, hashes] : before.documents) names.insert(name);
    for (const auto& name : names) {
      checkpoint();
      if (of_the_data(name)) collection(name, before.documents[name]);
    }
    for (auto& [key, difference] : found_) report_.differences.push_back(std::move(difference));
  }

 private:
  // `left`: what has not been met yet.
  void collection(const std::string& name, Hashes& left) {
    report_.documents += static_cast<std::int64_t>(left.size());
    std::vector<std::pair<Document, Digest>> changed;
    corner_.find(name, {}, {}, [&](bson::View view) {
      const auto found = left.find(id_key(*view.get("_id")));
      if (found == left.end()) {
        add(Kind::kAdded, name, view.decode(), "(document)", nullptr, nullptr);
        return;
      }
      if (hash_of(view) != found->second) changed.emplace_back(view.decode(), found->second);
      left.erase(found);
      if (changed.size() >= kIdsAtOnce) compare(name, changed);
    });
    compare(name, changed);
    if (!left.empty()) missing(name, left);
  }

  // The documents as they were are still where they were copied from.
  void compare(const std::string& name, std::vector<std::pair<Document, Digest>>& changed) {
    if (changed.empty()) return;
    std::unordered_map<std::string, const std::pair<Document, Digest>*> by_id;
    Array ids;
    for (const auto& one : changed) {
      by_id.emplace(id_key(*one.first.find("_id")), &one);
      ids.append(*one.first.find("_id"));
    }
    std::size_t compared = 0;
    mongo_.find(name, Document{{"_id", Document{{"$in", std::move(ids)}}}}, {}, [&](bson::View view) {
      const auto& [after, hash] = *by_id.at(id_key(*view.get("_id")));
      if (hash_of(view) != hash) return;
      ++compared;
      document(name, view.decode(), after);
    });
    report_.meanwhile += static_cast<std::int64_t>(changed.size() - compared);
    changed.clear();
  }

  void document(const std::string& name, const Document& before, const Document& after) {
    const auto differences = bson::differences(before, after);
    if (differences.empty()) return add(Kind::kChanged, name, before, "(order of keys)", nullptr, nullptr);
    std::set<std::string> seen;
    for (const auto& one : differences) {
      if (same_file(one.before, one.after)) continue;
      const auto path = general(one.path);
      const auto kind = !one.before ? Kind::kAdded : one.after ? Kind::kChanged : Kind::kLost;
      if (seen.insert(path).second) add(kind, name, before, path, one.before, one.after);
    }
  }

  void missing(const std::string& name, const Hashes& left) {
    std::size_t still_there = 0;
    mongo_.find(name, {}, {}, [&](bson::View view) {
      const auto found = left.find(id_key(*view.get("_id")));
      if (found == left.end() || hash_of(view) != found->second) return;
      ++still_there;
      add(Kind::kLost, name, view.decode(), "(document)", nullptr, nullptr);
    });
    report_.meanwhile += static_cast<std::int64_t>(left.size() - still_there);
  }

  void files() {
    report_.documents += static_cast<std::int64_t>(files_before_.size());
    std::set<std::string> there;
    for (const auto& [id, content] : files_after_) there.insert(to_hex(content));
    for (const auto& [id, content] : files_before_) {
      if (!there.contains(to_hex(content))) add(Kind::kLost, kFiles, {}, "(content)", nullptr, nullptr);
    }
  }

  // Whether both name a file, and these hold the same.
  bool same_file(const Value* before, const Value* after) const {
    if (!before || !after) return false;
    const auto was = files_before_.find(id_key(*before));
    const auto is = files_after_.find(id_key(*after));
    return was != files_before_.end() && is != files_after_.end() && was->second == is->second;
  }

  void add(Kind kind, const std::string& name, const Document& document, const std::string& path, const Value* before,
           const Value* after) {
    const auto dataset = owners_.of(name, document);
    auto& one = found_[{kind, dataset, name, path}];
    if (one.documents++ > 0) return;
    one.kind = kind;
    one.dataset = dataset;
    one.collection = name;
    one.path = path;
    if (before || after) one.example = shown(before) + " -> " + shown(after);
  }

  Mongo& mongo_;
  Mongo& corner_;
  Owners owners_;
  RoundtripReport& report_;
  Hashes files_before_;
  Hashes files_after_;
  std::map<std::tuple<Kind, std::string, std::string, std::string>, RoundtripDifference> found_;
};

}  // namespace

RoundtripReport roundtrip(Mongo& mongo, const Catalogue& catalogue, const DatabaseHeads& heads, const Plan& plan,
                          const RoundtripSettings& settings, RunObserver& observer) {
  const auto start = std::chrono::steady_clock::now();
  RoundtripReport report;
  report.target = plan.target;
  std::vector<Value> ids;
  for (const auto& move : plan.datasets) ids.push_back(heads.heads.datasets[move.head].id);
  observer.phase("copying samples", ids.size());
  const auto checkpoint = [control = settings.run.control] {
    if (control) control->checkpoint();
  };
  Scratch scratch(mongo, catalogue, ids, settings.size, checkpoint);
  auto before = snapshot(scratch.mongo());

  auto run = settings.run;
  run.refuse_all = false;
  run.allow_loss = true;
  const auto there = Runner(scratch.mongo(), catalogue, now_ms(), random_bytes(16), run, observer).run(plan, heads);
  for (const auto& failure : there.failures) report.failures.push_back(failure);

  const auto arrived = read_heads(scratch.mongo());
  const auto back = way_back(catalogue, heads.heads, arrived.heads, plan);
  const auto returned =
      Runner(scratch.mongo(), catalogue, now_ms(), random_bytes(16), run, observer).run(back, arrived);
  for (const auto& failure : returned.failures) report.failures.push_back(failure);
  report.datasets = returned.datasets_done;

  observer.phase("comparing", 0);
  Comparison(mongo, scratch.mongo(), report).run(std::move(before), checkpoint);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace fm
