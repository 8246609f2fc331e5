#include "backup/restore.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "backup/bson_file.h"
#include "backup/conveyor.h"
#include "backup/datasets_outside.h"
#include "backup/definition.h"
#include "backup/disk.h"
#include "backup/layout.h"
#include "backup/refusals.h"
#include "backup/touched.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/machine.h"
#include "base/pool.h"
#include "base/text.h"
#include "bson/json.h"
#include "exec/restore_mark.h"

namespace fm {

using bson::Document;
using dump::CollectionEntry;

namespace {

// Stored functions: a server renames nothing over these.
using dump::kFunctions;
constexpr const char* kHistory = "migrator.history";
constexpr const char* kScratch = "migrator.scratch.restore.";

// One batch is read while the one before is worked on, in another thread.
void each_batch(dump::BsonReader& file, const std::function<void(const std::string& batch)>& visit) {
  dump::Conveyor conveyor(visit);
  for (auto batch = file.next(); !batch.empty(); batch = file.next()) conveyor.put(std::move(batch));
  conveyor.finish();
}

class Restorer {
 public:
  Restorer(Mongo& mongo, const RestoreRequest& request, const dump::Manifest& manifest, const BytesProgress& progress)
      : mongo_(mongo), request_(request), manifest_(manifest), progress_(progress) {}

  // Reads every file; also takes in the definitions.
  void verify() {
    definitions_.resize(entries().size());
    begin();
    parallel_for(request_.jobs, entries().size(), [&](std::size_t i, std::size_t) { verify(i); });
  }

  // Compares with what the database has; throws where that must not go. `begun`: one
  // that was cut off had been allowed to.
  void look(RestoreReport& report, bool begun) {
    std::set<std::string> wanted;
    for (const auto& entry : entries()) wanted.insert(entry.name);
    for (const auto& info : mongo_.collections()) found_.emplace(info.name, info);
    if (!request_.dry_run) require_more_rights();
    if (const auto* datasets = datasets_entry()) {
      backed_up_.emplace(manifest_, [&](const auto& visit) { each_document(*datasets, visit); });
    }
    const auto outside = backed_up_ ? backed_up_->compare(mongo_) : dump::Outside();
    std::vector<std::string> kinds;
    for (const auto& entry : entries()) {
      const auto it = found_.find(entry.name);
      if (it == found_.end() || stays(entry.name)) continue;
      const auto type = entry.view ? "view" : "collection";
      if (it->second.type != type) {
        kinds.push_back(entry.name);
      } else if (entry.view || mongo_.estimated_count(entry.name) > 0) {
        report.overwritten.push_back(entry.name);
      }
    }
    for (const auto& [name, info] : found_) {
      if (wanted.contains(name) || !dump::is_dumped(name) || stays(name)) continue;
      if (name.starts_with(kScratch)) {
        leftovers_.push_back(name);
      } else if ((name.starts_with("migrator.") && !dump::is_transient(name)) || outside.were_absent.contains(name) ||
                 (with_datasets() && dump::is_shared(name))) {
        report.dropped.push_back(name);
      } else if (!dump::is_transient(name)) {
        report.left_alone.push_back(name);
      }
    }
    if (!kinds.empty()) {
      throw Error(Exit::kPrecondition,
                  "In one of the two, backup and database, this is a view and in the other not: " + dump::some(kinds),
                  "Drop it from the database first.");
    }
    auto in_the_way = report.overwritten;
    in_the_way.insert(in_the_way.end(), report.dropped.begin(), report.dropped.end());
    if (!in_the_way.empty() && !request_.overwrite && !begun) {
      throw Error(Exit::kPrecondition, "The database '" + mongo_.database() + "' already has " + dump::some(in_the_way),
                  "Nothing was written. --overwrite puts the backup in their place; FIFTYONE_DATABASE_NAME names "
                  "another database.");
    }
    dump::refuse_to_part(outside, request_.allow_loss);
    report.bare = outside.bare;
    dropped_ = report.dropped;
  }

  // Each collection beside its place.
  void fill() {
    for (const auto& name : leftovers_) mongo_.drop(name);
    begin();
    for (std::size_t i = 0; i < entries().size(); ++i) {
      const auto& entry = entries()[i];
      if (!entry.view && entry.name != kFunctions && !stays(entry.name)) order_.push_back(i);
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return entries()[a].bytes > entries()[b].bytes; });
    parallel_for(request_.jobs, order_.size(), [&](std::size_t i, std::size_t) { fill(order_[i]); });
  }

  // What clients did while it was filled counts as what they did before.
  void look_again() {
    if (backed_up_) dump::refuse_to_part(backed_up_->compare(mongo_), request_.allow_loss);
  }
  // The same for one that was cut off, as long as `datasets` is not in its place.
  void look_again(const RestoreMark& mark) {
    const auto now = identities();
    for (const auto& move : mark.moves) {
      const auto found = now.find(move.from);
      if (move.to != "datasets" || found == now.end() || found->second != move.uuid) continue;
      const dump::BackedUpDatasets beside(
          manifest_, [&](const std::function<void(bson::View)>& visit) { mongo_.find(move.from, {}, {}, visit); });
      dump::refuse_to_lose(beside.compare(mongo_), request_.allow_loss);
    }
  }

  // What fill() has made.
  void drop_filled() noexcept {
    for (const auto i : order_) drop_quietly(scratch(i));
  }

  // From here on nothing else writes until all is in place.
  RestoreMark mark(bool waits = false) {
    RestoreMark out;
    out.directory = request_.directory;
    out.manifest = manifest_.digest;
    out.begun_ms = clock_ms();
    out.waits = waits;
    out.drops = dropped_;
    sort_for_moving(order_);
    const auto uuids = identities();
    for (const auto i : order_) out.moves.push_back({scratch(i), entries()[i].name, uuids.at(scratch(i))});
    out.write(mongo_);
    return out;
  }

  // The mark of one that was cut off, if it was of this backup.
  std::optional<RestoreMark> left_mark() {
    auto mark = RestoreMark::read(mongo_);
    if (mark && mark->manifest != manifest_.digest) mark.reset();
    return mark;
  }

  // In the order of the mark; each step can be done again.
  void put_in_place(const RestoreMark& mark) {
    try {
      move(mark);
    } catch (const Error& error) {
      throw Error(error.code(), error.what() + std::string("; some collections are restored and others are not yet"),
                  "Run the same command again: it finishes this. " + error.remedy());
    }
    RestoreMark::remove(mongo_);
  }

  // What another one had begun to put in place; false where that is no longer
  // all there, and has to begin anew.
  bool finish(const RestoreMark& mark) {
    const auto now = identities();
    const auto is_there = [&](const std::string& name, const std::string& uuid) {
      const auto found = now.find(name);
      return found != now.end() && found->second == uuid;
    };
    read_definitions();
    RestoreMark left = mark;
    for (const auto& move : mark.moves) {
      if (!is_there(move.from, move.uuid) && !is_there(move.to, move.uuid)) return false;
    }
    std::erase_if(left.moves, [&](const RestoreMark::Move& move) { return is_there(move.to, move.uuid); });
    std::erase_if(left.drops, [&](const std::string& name) { return !now.contains(name); });
    for (const auto& info : mongo_.collections()) found_.emplace(info.name, info);
    put_in_place(left);
    return true;
  }

 private:
  const std::vector<CollectionEntry>& entries() const { return manifest_.collections; }
  // What was done to a database is true whatever its data are set back to.
  bool stays(const std::string& name) const { return name == kHistory && found_.contains(name); }
  void require_more_rights() {
    dump::Special special;
    for (std::size_t i = 0; i < entries().size(); ++i) {
      const auto& entry = entries()[i];
      special.views = special.views || (entry.view && found_.contains(entry.name));
      special.validators = special.validators || definitions_[i].options.has("validator");
      special.functions = special.functions || entry.name == kFunctions;
    }
    dump::require_rights_for(mongo_, special);
  }

  bool with_datasets() const { return datasets_entry() != nullptr; }
  const CollectionEntry* datasets_entry() const {
    const auto is_datasets = [](const CollectionEntry& entry) { return entry.name == "datasets" && !entry.view; };
    const auto found = std::find_if(entries().begin(), entries().end(), is_datasets);
    return found == entries().end() ? nullptr : &*found;
  }

  void each_document(const CollectionEntry& entry, const std::function<void(bson::View)>& visit) const {
    dump::BsonReader file(path(entry.file), manifest_.zstd);
    for (auto batch = file.next(); !batch.empty(); batch = file.next()) {
      for (const auto& view : dump::split(batch)) visit(view);
    }
  }

  static std::string scratch(std::size_t i) { return kScratch + std::to_string(i); }
  std::string path(const std::string& file) const { return request_.directory + "/" + file; }

  // Without the documents.
  void read_definitions() {
    definitions_.resize(entries().size());
    for (std::size_t i = 0; i < entries().size(); ++i) read_definition_of(i);
  }

  void read_definition_of(std::size_t i) {
    const auto& entry = entries()[i];
    const auto json = dump::read_file(path(entry.metadata));
    if (sha256_hex(json) != entry.metadata_sha256) mismatch(entry.metadata);
    definitions_[i] = dump::read_definition(entry.definition ? *entry.definition : bson::from_json(json));
  }

  void verify(std::size_t i) {
    const auto& entry = entries()[i];
    read_definition_of(i);
    if (entry.view) return;
    dump::BsonReader file(path(entry.file), manifest_.zstd);
    dump::Facts facts;
    Sha256 hash;
    each_batch(file, [&](const std::string& batch) {
      hash.update(batch);
      facts.documents += dump::count_documents(batch);
      facts.bytes += static_cast<std::int64_t>(batch.size());
      add(batch.size());
    });
    facts.sha256 = to_hex(hash.finish());
    if (!(facts == dump::Facts{entry.documents, entry.bytes, entry.sha256})) mismatch(entry.file);
  }

  [[noreturn]] void mismatch(const std::string& file) const {
    throw Error(Exit::kMismatch, "The backup is damaged: " + path(file) + " is not what the manifest says",
                "Use another backup; nothing was written.");
  }

  void fill(std::size_t i) {
    const auto& entry = entries()[i];
    const auto& definition = definitions_[i];
    const auto name = scratch(i);
    mongo_.create(name, definition.options);
    const bool validated = definition.options.has("validator");
    dump::BsonReader file(path(entry.file), manifest_.zstd);
    each_batch(file, [&](const std::string& batch) {
      mongo_.insert_raw(name, batch, validated, Mongo::Journal::kLater);
      add(batch.size());
    });
    const auto count = mongo_.estimated_count(name);
    if (count != entry.documents) {
      throw Error(Exit::kFailed, "Collection '" + entry.name + "' got " + format_count(count) +
                                     " documents instead of " + format_count(entry.documents) +
                                     "; the database is as it was before");
    }
    mongo_.create_indexes(name, definition.indexes);
  }

  // What refers to others comes after them.
  static int rank(const std::string& name) { return name == "datasets" ? 2 : name == "config" ? 1 : 0; }

  void sort_for_moving(std::vector<std::size_t>& order) const {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(rank(entries()[a].name), entries()[a].name) <
             std::pair(rank(entries()[b].name), entries()[b].name);
    });
  }

  std::map<std::string, std::string> identities() {
    std::map<std::string, std::string> out;
    for (const auto& info : mongo_.collections()) out.emplace(info.name, info.uuid);
    return out;
  }

  void move(const RestoreMark& mark) {
    const auto& moves = mark.moves;
    const auto last =
        std::find_if(moves.begin(), moves.end(), [](const RestoreMark::Move& one) { return rank(one.to) > 0; });
    parallel_for(request_.jobs, static_cast<std::size_t>(last - moves.begin()),
                 [&](std::size_t i, std::size_t) { mongo_.rename_over(moves[i].from, moves[i].to); });
    // The journal of a later run would be taken for one of the datasets restored.
    const auto is_ours = [](const std::string& name) { return name.starts_with("migrator."); };
    for (const auto& name : mark.drops) {
      if (is_ours(name)) mongo_.drop(name);
    }
    for (auto it = last; it != moves.end(); ++it) mongo_.rename_over(it->from, it->to);
    for (const auto& name : mark.drops) {
      if (!is_ours(name)) mongo_.drop(name);
    }
    for (std::size_t i = 0; i < entries().size(); ++i) {
      const auto& entry = entries()[i];
      if (entry.name == kFunctions) put_functions(entry);
      if (!entry.view) continue;
      if (found_.contains(entry.name)) {
        mongo_.change_view(entry.name, view_change(definitions_[i].options));
      } else {
        mongo_.create(entry.name, definitions_[i].options);
      }
    }
  }

  void put_functions(const CollectionEntry& entry) {
    bson::Array ids;
    each_document(entry, [&](bson::View view) {
      const auto function = view.decode();
      const auto* id = function.find("_id");
      mongo_.upsert(kFunctions, {Document{{"_id", *id}}, function});
      ids.append(*id);
    });
    mongo_.remove_where(kFunctions, Document{{"_id", Document{{"$nin", std::move(ids)}}}});
  }

  static Document view_change(const Document& options) {
    Document out;
    for (const auto* key : {"viewOn", "pipeline"}) {
      if (const auto* value = options.find(key)) out.append(key, *value);
    }
    return out;
  }

  void drop_quietly(const std::string& name) noexcept {
    try {
      mongo_.drop(name);
    } catch (const std::exception&) {
      return;  // the next restore drops it
    }
  }

  void begin() { done_ = 0; }
  void add(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    done_ += static_cast<std::int64_t>(bytes);
    if (progress_) progress_(done_, manifest_.bytes());
  }

  Mongo& mongo_;
  const RestoreRequest& request_;
  const dump::Manifest& manifest_;
  const BytesProgress& progress_;
  std::vector<dump::Definition> definitions_;  // as the entries
  std::optional<dump::BackedUpDatasets> backed_up_;
  std::map<std::string, CollectionInfo> found_;
  std::vector<std::string> leftovers_;
  std::vector<std::string> dropped_;
  std::vector<std::size_t> order_;  // entries that are filled
  std::mutex mutex_;
  std::int64_t done_ = 0;
};

}  // namespace

RestoreReport restore(Mongo& mongo, const RestoreRequest& request,
                      const std::function<void(const std::string& phase)>& phase, const BytesProgress& progress) {
  RestoreReport report;
  report.manifest = dump::read_manifest(request.directory);
  Restorer restorer(mongo, request, report.manifest, progress);
  std::optional<Restorer> cas;
  if (auto manifest = dump::read_cas_manifest(request.directory)) {
    if (!request.cas) {
      throw Error(Exit::kUsage,
                  "The backup in " + request.directory + " is of two databases, and that of cas is not set",
                  "Set CAS_DATABASE_URI and CAS_DATABASE_NAME.");
    }
    report.cas.emplace_back().manifest = std::move(*manifest);
    cas.emplace(*request.cas, request, report.cas.front().manifest, progress);
  }
  // The mark of cas comes between two of the other database, and goes before it:
  // nothing moves while that one waits, and without one of cas then, cas is in place.
  if (const auto mark = request.dry_run ? std::nullopt : restorer.left_mark()) {
    phase(kRestoring);
    if (!mark->waits) restorer.look_again(*mark);
    const auto of_cas = cas ? cas->left_mark() : std::nullopt;
    const bool cas_is_back = !mark->waits && (!of_cas || cas->finish(*of_cas));
    if (cas) report.cas.front().finished = cas_is_back;
    report.finished = cas_is_back && restorer.finish(*mark);
    if (report.finished) return report;
  }
  phase("Checking the files");
  if (cas) cas->verify();
  restorer.verify();
  const bool begun = restorer.left_mark() || (cas && cas->left_mark());
  if (cas) cas->look(report.cas.front(), begun);
  restorer.look(report, begun);
  if (request.dry_run) return report;
  phase(kRestoring);
  try {
    if (cas) cas->fill();
    restorer.fill();
    restorer.look_again();
  } catch (...) {
    if (cas) cas->drop_filled();
    restorer.drop_filled();
    throw;
  }
  if (cas) restorer.mark(true);
  const auto of_cas = cas ? std::optional(cas->mark()) : std::nullopt;
  const auto mark = restorer.mark();
  if (cas) cas->put_in_place(*of_cas);
  restorer.put_in_place(mark);
  return report;
}

}  // namespace fm
