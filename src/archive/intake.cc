#include "archive/intake.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <future>

#include "archive/duplicate_ids.h"
#include "archive/id_text.h"
#include "archive/names.h"
#include "archive/new_ids.h"
#include "archive/reopened.h"
#include "archive/tags.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/machine.h"
#include "base/text.h"
#include "base/version.h"
#include "bson/read.h"
#include "exec/control.h"
#include "exec/heads.h"
#include "exec/restore_mark.h"
#include "exec/rights.h"
#include "plan/access.h"
#include "revisions/catalogue.h"
#include "store/lease.h"

namespace fm::archive {

using bson::Document;
using bson::Value;

namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Up to here indexes that grow with the documents cost no more than building them.
constexpr std::int64_t kFewBytes = std::int64_t{64} << 20;

bson::Oid new_oid(std::int64_t ms, const std::string& random) {
  bson::Oid id;
  const auto seconds = static_cast<std::uint32_t>(ms / 1000);
  for (int i = 0; i < 4; ++i) id.bytes[i] = static_cast<std::uint8_t>(seconds >> (24 - 8 * i));
  for (int i = 0; i < 8; ++i) id.bytes[4 + i] = static_cast<std::uint8_t>(random[static_cast<std::size_t>(i)]);
  return id;
}

// Up to the database's version. What is newer stays as it is where clients of the
// database open it; what is newer than this program knows can go nowhere else.
Route choose_route(Mongo& mongo, const std::string& from, const ImportRequest& request) {
  const auto route_to = [&](const Version& to) {
    return make_route(built_in_catalogue(), built_in_catalogue().datasets, from, to.str());
  };
  const auto client = Version::parse(built_in_client()).base();
  const auto base = Version::parse(from).base();
  const bool known = base <= client;
  if (request.target_version && known) return route_to(Version::parse(*request.target_version));
  const auto heads = read_heads(mongo);
  const auto database = heads.heads.database.value_or(built_in_client());
  const auto parsed = Version::try_parse(database);
  if (!parsed) {
    throw Error(Exit::kIncompatible, "The database has the version '" + database + "', which is none",
                "See: fiftyone-migrator info");
  }
  const auto goal = std::min(parsed->base(), client);
  if (base < goal) return route_to(goal);
  if (client_refused(database, "", from, "")) {
    throw Error(Exit::kIncompatible,
                "The dataset is of FiftyOne " + from + ", and the database is at " + database +
                    ", whose clients cannot read it",
                "Migrate the database first" +
                    (known ? ", or bring the dataset down: --target-version " + database + " --allow-loss" : "."));
  }
  return Route{from, from, Direction::kUp, {}, true};
}

void leave_out(Contents& contents, const ImportRequest& request) {
  const auto drop = [&](const char* field) { contents.dataset.take(field); };
  if (!request.runs) {
    for (const auto& kind : kRunKinds) drop(kind.field);
    contents.documents.erase("runs");
    contents.results.clear();
  }
  for (const auto& kind : kListKinds) {
    const bool wanted = std::string_view(kind.collection) == "views" ? request.views : request.workspaces;
    if (wanted) continue;
    drop(kind.field);
    contents.documents.erase(kind.collection);
  }
}

std::int64_t count_of(const Contents& contents, const char* collection) {
  const auto found = contents.documents.find(collection);
  return found == contents.documents.end() ? 0 : static_cast<std::int64_t>(found->second.size());
}

std::string digest_of(Origin& origin, const ImportRequest& request, const Route& route) {
  auto text = origin.fingerprint();
  if (text.empty()) return "";
  const auto add = [&](const std::string& part) { text += "|" + part; };
  add(request.name.value_or(""));
  add(request.rel_dir.value_or(""));
  add(route.to);
  add(request.assume_version.value_or(""));
  for (const bool flag : {request.own_name, request.persistent, request.overwrite, request.runs, request.views,
                          request.workspaces, request.keep_times}) {
    add(flag ? "1" : "0");
  }
  add(std::to_string(static_cast<int>(request.on_conflict)));
  for (const auto& tag : request.tags) add(tag);
  return sha256_hex(text);
}

// All that goes into documents besides what an archive holds.
void check_texts(Origin& origin, const ImportRequest& request) {
  if (request.name) require_utf8(*request.name, "The name", "Choose another with --name.");
  for (const auto& tag : request.tags) require_utf8(tag, "A tag", "Choose another one.");
  if (request.rel_dir) {
    require_utf8(*request.rel_dir, "The folder to put in front of paths", "Name another with --rel-dir.");
  } else {
    require_utf8(origin.folder(), "The folder of the archive, which is put in front of paths,",
                 "Rename it, or name another with --rel-dir.");
  }
}

class Intake {
 public:
  Intake(Mongo& mongo, Origin& origin, const ImportRequest& request, const Observer& observer)
      : mongo_(mongo), origin_(origin), request_(request), observer_(observer) {}

  ImportReport run() {
    const auto start = std::chrono::steady_clock::now();
    report_.from = origin_.contents().version();
    route_ = choose_route(mongo_, report_.from, request_);
    identify();
    prepare();
    if (request_.dry_run) {
      origin_.check();
      read_all();
    } else if (entry_.published) {
      report_.samples = mongo_.count(entry_.identity.samples, {});
      if (!entry_.identity.frames.empty()) report_.frames = mongo_.count(entry_.identity.frames, {});
      report_.was_there = true;
      origin_.keep_media();
    } else {
      write_all();
    }
    if (const auto changed = origin_.changed_since(); !changed.empty()) {
      report_.warnings.push_back(changed + ": what arrived may be a mixture");
    }
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::move(report_);
  }

 private:
  void identify() {
    const auto digest = digest_of(origin_, request_, route_);
    if (!request_.dry_run) {
      if (auto left = Landing::recover(mongo_, digest, origin_.has_order())) {
        entry_ = std::move(*left);
        resumed_ = true;
      }
    }
    auto& identity = entry_.identity;
    if (!resumed_) {
      identity.now_ms = now_ms();
      entry_.seed = random_bytes(16);
    }
    auto name = request_.name;
    if (!name && request_.own_name && !origin_.contents().name().empty()) name = origin_.contents().name();
    if (resumed_) name = identity.name;
    identity.persistent = request_.persistent;
    identity.keep_times = request_.keep_times;
    ids_ = ops::IdGenerator(identity.now_ms, entry_.seed);
    report_.resumed = resumed_;
    if (entry_.published) return;
    const auto chosen = choose_name(mongo_, name, request_.overwrite, identity.now_ms);
    entry_.replaces = chosen.replaces;
    entry_.fingerprint = digest;
    if (!resumed_) {
      identity.id = chosen.replaces ? *chosen.replaces->find("_id") : Value(new_oid(identity.now_ms, entry_.seed));
      identity.name = chosen.name;
      identity.slug = chosen.slug;
      // Its own, also where it takes the place and the _id of another.
      const auto unique = new_oid(identity.now_ms, entry_.seed.substr(8)).hex();
      const auto* own = identity.id.as<bson::Oid>();
      identity.samples = "samples." + (own && !chosen.replaces ? own->hex() : unique);
      identity.frames = origin_.contents().has_video() ? "frames." + identity.samples : "";
    }
    report_.replaced = chosen.replaces.has_value();
  }

  void prepare() {
    auto contents = origin_.contents();
    leave_out(contents, request_);
    adopt(contents, entry_.identity, ids_);
    const bool older = Version::parse(report_.from).base() < Version::parse(built_in_client()).base();
    if (older && !request_.keep_times) reopen_fields(contents, entry_.identity.now_ms);
    const auto read = [&](const RunResults& results, const std::function<void(std::string_view)>& visit) {
      origin_.read_results(results, visit);
    };
    migrated_ = migrate(std::move(contents), route_, entry_.identity.now_ms, ids_, read);
    reopen_documents(migrated_.contents);
    report_.to = migrated_.contents.version();
    report_.losses = migrated_.losses;
    if (!migrated_.losses.empty() && !request_.allow_loss) {
      throw Error(Exit::kIncompatible,
                  "Going down to v" + route_.to + " removes values for good, first of all " +
                      migrated_.losses.front().what + " (v" + migrated_.losses.front().revision + ")",
                  "The archive stays as it is: repeat the command with --allow-loss.");
    }
    for (const auto& message : migrated_.messages) report_.warnings.push_back(message.text);
    report_.name = entry_.identity.name;
    report_.id = entry_.identity.id;
    report_.dry_run = request_.dry_run;
    report_.runs = count_of(migrated_.contents, "runs");
    report_.views = count_of(migrated_.contents, "views");
    report_.workspaces = count_of(migrated_.contents, "workspaces");
    // Tags have to be right before anything is written.
    std::size_t ordinal = 0;
    if (origin_.has_tags()) {
      origin_.read_tags([&](const Document& record) { tag_document(record, entry_.identity.id, ids_, ordinal++); });
    }
    report_.tags = static_cast<std::int64_t>(ordinal);
    if (request_.on_conflict == OnConflict::kNewIds && !entry_.published) renew_ids();
  }

  // Ids that come twice are named as they are in the archive.
  void renew_ids() {
    new_ids_.emplace(entry_.seed);
    observer_.begin("Collecting ids");
    for (const bool frames : {false, true}) {
      const auto source = source_of(frames);
      if (!source) continue;
      DuplicateIds twice(frames);
      const DocumentSink sink{collect_ids, [&](std::string& keys, std::int64_t) { take_ids(keys, twice); }};
      move_documents(*source, {}, sink, request_.jobs, 0, progress_of(source->total_bytes()));
      twice.count(true);
    }
    new_ids_->seal();
    auto& contents = migrated_.contents;
    new_ids_->edit_document(contents.dataset);
    for (auto& [collection, documents] : contents.documents) {
      for (auto& document : documents) new_ids_->edit_document(document);
    }
  }

  // Of each document the keys by which it may come twice, how long those of its
  // ids are, and those.
  static constexpr std::size_t kTwiceBytes = 2 * sizeof(KeySet::Key);

  static void collect_ids(std::string_view bson, std::string& keys) {
    DuplicateIds::collect(bson, keys);
    const auto at = keys.size();
    std::uint64_t size = 0;
    keys.append(sizeof size, '\0');
    NewIds::collect(bson, keys);
    size = keys.size() - at - sizeof size;
    std::memcpy(keys.data() + at, &size, sizeof size);
  }

  void take_ids(std::string_view keys, DuplicateIds& twice) {
    while (!keys.empty()) {
      twice.take(keys.substr(0, kTwiceBytes), 1);
      std::uint64_t size = 0;
      std::memcpy(&size, keys.data() + kTwiceBytes, sizeof size);
      keys.remove_prefix(kTwiceBytes + sizeof size);
      new_ids_->know(keys.substr(0, size));
      keys.remove_prefix(size);
    }
  }

  std::function<void(std::int64_t)> progress_of(std::int64_t total) {
    return [this, total, done = std::int64_t{0}](std::int64_t bytes) mutable {
      done += bytes;
      observer_.progress(std::min(done, total), total);
    };
  }

  MemberEdit edit(bool frames) {
    MemberEdit out;
    out.frames = frames;
    const auto folder = request_.rel_dir ? *request_.rel_dir : origin_.folder();
    if (!folder.empty()) out.folder = folder;
    out.media = origin_.media(migrated_.contents.dataset, frames);
    out.tags = request_.tags;
    out.dataset_id = entry_.identity.id;
    if (!request_.keep_times) out.now_ms = entry_.identity.now_ms;
    out.work = frames ? migrated_.frame_work : migrated_.sample_work;
    out.work_now_ms = entry_.identity.now_ms;
    out.ids = &ids_;
    out.needs_id_time = std::any_of(out.work.begin(), out.work.end(), [](const ops::CollectionWork& work) {
      const auto* compute = std::get_if<ops::Compute>(&work.step->operation);
      return compute && compute->source == ops::Compute::Source::kIdTime;
    });
    if (new_ids_) out.own = [this, frames](Document& document) { new_ids_->edit_member(document, frames); };
    return out;
  }

  // nullptr: there are none.
  std::unique_ptr<DocumentSource> source_of(bool frames) {
    return frames ? origin_.frames(request_.jobs) : origin_.samples(request_.jobs);
  }

  void move(DocumentSource& source, bool frames, const DocumentSink& sink, std::int64_t skip) {
    observer_.begin(std::string(request_.dry_run ? "Reading " : "Importing ") + (frames ? "frames" : "samples"));
    const auto moved =
        move_documents(source, edit(frames), sink, request_.jobs, skip, progress_of(source.total_bytes()));
    (frames ? report_.frames : report_.samples) = moved.documents + skip;
    report_.bytes += moved.bytes;
  }

  // Of two documents with one id there is one in the end.
  void count_conflicts(bool frames, std::int64_t conflicts) {
    report_.conflicts += conflicts;
    (frames ? report_.frames : report_.samples) -= conflicts;
  }

  // Ids that come twice are found by sorting them: what an import finds by its indexes.
  void read_all() {
    const bool refuse = request_.on_conflict == OnConflict::kError || new_ids_;
    for (const bool frames : {false, true}) {
      DuplicateIds ids(frames);
      const auto source = source_of(frames);
      if (!source) continue;
      move(*source, frames,
           {DuplicateIds::collect, [&](std::string& keys, std::int64_t documents) { ids.take(keys, documents); }}, 0);
      count_conflicts(frames, ids.count(refuse));
    }
  }

  // The first batch is read before anything is written, and all sums are compared;
  // more batches are read meanwhile.
  void write_all() {
    std::optional<Landing> landing;
    std::vector<std::future<void>> indexing;
    // With another rule for ids that come twice, an index of something else would have to tell.
    const bool refuse = request_.on_conflict == OnConflict::kError || new_ids_;
    const bool few = refuse && origin_.document_bytes() <= kFewBytes;
    const auto begin = [&]() -> Landing& {
      if (landing) return *landing;
      origin_.check();
      return landing.emplace(mongo_, entry_, migrated_.contents, origin_.has_tags(), few);
    };
    try {
      for (const bool frames : {false, true}) {
        if (frames && entry_.identity.frames.empty()) continue;
        // In order and one after the other: what is there is the beginning.
        const auto there = resumed_ && refuse ? begin().staged(frames) : 0;
        const auto source = source_of(frames);
        const auto write = [&](std::string& batch, std::int64_t) {
          begin().insert(frames, batch, request_.on_conflict);
        };
        if (source) move(*source, frames, {{}, write}, there);
        // A run before this one may have written some of them.
        if (!refuse) count_conflicts(frames, (frames ? report_.frames : report_.samples) - begin().staged(frames));
        observer_.begin(frames ? "Indexing frames" : "Indexing samples");
        const auto index = [&to = begin(), &contents = migrated_.contents, frames] { to.index(contents, frames); };
        // Frames come in meanwhile.
        indexing.push_back(std::async(frames ? std::launch::deferred : std::launch::async, index));
      }
      for (auto& one : indexing) one.get();
      write_tags(*landing);
      landing->write_results(
          migrated_.contents.results,
          [&](const RunResults& results, const std::function<void(std::string_view)>& visit) {
            if (!new_ids_) return origin_.read_results(results, visit);
            IdText text(*new_ids_, visit);
            origin_.read_results(results, [&](std::string_view piece) { text.feed(piece); });
            text.finish();
          },
          ids_);
      landing->publish(migrated_.contents);
      origin_.keep_media();
      if (auto left = landing->finish(); !left.empty()) report_.warnings.push_back(std::move(left));
    } catch (const Error& error) {
      // Of a damaged file it is said first that it is.
      if (!landing) origin_.check();
      // The next run goes on, or takes it back.
      if (landing && is_lost(error)) landing->keep();
      indexing.clear();  // waits
      if (landing && !landing->take_back()) origin_.keep_media();
      throw;
    }
  }

  void write_tags(Landing& landing) {
    if (!origin_.has_tags()) return;
    constexpr std::size_t kMany = 1000;
    std::vector<Document> tags;
    std::size_t ordinal = 0;
    const auto flush = [&] {
      landing.insert_tags(tags);
      tags.clear();
    };
    origin_.read_tags([&](const Document& record) {
      tags.push_back(tag_document(record, entry_.identity.id, ids_, ordinal++));
      if (new_ids_) new_ids_->edit_document(tags.back());
      if (tags.size() >= kMany) flush();
    });
    flush();
  }

  Mongo& mongo_;
  Origin& origin_;
  const ImportRequest& request_;
  const Observer& observer_;
  Landing::Entry entry_;
  bool resumed_ = false;
  ops::IdGenerator ids_{0, ""};
  Route route_;
  Migrated migrated_;
  std::optional<NewIds> new_ids_;
  ImportReport report_;
};

}  // namespace

ImportReport take_in(Mongo& mongo, Origin& origin, const ImportRequest& request, const Observer& observer) {
  std::optional<Lease> lease;
  check_texts(origin, request);
  if (!request.dry_run) {
    require_rights(mongo, needed_import_rights());
    lease.emplace(mongo);
  }
  refuse_while_restoring(mongo);
  return Intake(mongo, origin, request, observer).run();
}

}  // namespace fm::archive
