#include "exec/service_runner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "bson/read.h"
#include "exec/history.h"
#include "exec/service_work.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kLossesShown = 3;
constexpr std::size_t kWarnings = 20;

// "memberships.?.role" is counted as a value of memberships.
std::string loss_name(const std::string& path) {
  const auto dot = path.find('.');
  if (dot == std::string::npos) return path;
  const auto last = path.rfind('.');
  return last == dot ? path.substr(0, dot) : path.substr(0, dot) + " " + path.substr(last + 1);
}

class Losses {
 public:
  explicit Losses(Service service) : service_(service) {}

  void add(const std::string& collection, const ServiceEdit& edit) {
    std::set<std::pair<std::string, std::string>> seen;
    const auto doc = edit.before.decode();
    const auto count = [&](const std::string& revision, const std::string& what) {
      if (!seen.emplace(revision, what).second) return;
      auto& loss = losses_[{revision, collection, what}];
      ++loss.documents;
      if (loss.examples.size() < kLossesShown) loss.examples.push_back(example_of(doc));
    };
    if (edit.removed) count(edit.removed_by, "documents of " + collection);
    for (const auto& one : edit.displaced) {
      if (one.lost) count(one.revision, collection + " " + loss_name(one.path));
    }
  }

  std::vector<ServiceLoss> take() {
    std::vector<ServiceLoss> out;
    for (auto& [key, loss] : losses_) {
      loss.service = service_;
      loss.revision = std::get<0>(key);
      loss.what = std::get<2>(key);
      out.push_back(std::move(loss));
    }
    return out;
  }

 private:
  Service service_;
  std::map<std::tuple<std::string, std::string, std::string>, ServiceLoss> losses_;
};

bool is_duplicate(const Error& error) {
  return std::string_view(error.what()).find("E11000") != std::string_view::npos;
}

// Clients write 1 as they like: 1, 1.0, NumberLong(1).
bool same_keys(const Document& a, const Document& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const bson::Element& x, const bson::Element& y) {
    return x.key == y.key && x.value.integer() == y.value.integer();
  });
}

// Whether an index does already what that one would.
bool is_made(const std::vector<Document>& present, const ops::Index& index) {
  return std::any_of(present.begin(), present.end(), [&](const Document& one) {
    const auto* keys = one.find("key");
    return keys && keys->as<Document>() && same_keys(*keys->as<Document>(), index.keys) &&
           (!index.unique || one.has("unique"));
  });
}

// Whether images of earlier ways down may give something back.
bool may_restore(const ServiceRoute& route, const std::set<std::string>& there) {
  return route.route.direction != Direction::kDown && !route.route.from.empty() && there.contains(kResidue);
}

using Checksums = std::vector<std::pair<std::string, std::string>>;

Checksums checksums_of(const ServiceRoute& route) {
  Checksums out;
  for (const auto* revision : route.route.revisions) out.emplace_back(revision->id, revision->checksum);
  return out;
}

// A run goes on with the revisions that it began with: of a document that is done
// nobody could tell which of others it has seen.
void refuse_other_revisions(const ServiceRoute& route, const ServiceRun& run) {
  const auto now = checksums_of(route);
  if (now == run.revisions) return;
  std::set<std::string> differ;
  const auto note = [&](const Checksums& these, const Checksums& those) {
    for (const auto& one : these) {
      if (std::ranges::find(those, one) == those.end()) differ.insert(one.first);
    }
  };
  note(now, run.revisions);
  note(run.revisions, now);
  throw Error(Exit::kPrecondition,
              fmt::format("{} is half-way to v{}, and the revisions of the run that was cut off there are not those of "
                          "now: {}",
                          name_of(route.service), run.to, fmt::join(differ, ", ")),
              fmt::format("Give --catalogue what it was begun with, or take it back: fiftyone-migrator undo {}.",
                          run_of_part(run.run)));
}

}  // namespace

std::string shown_version(const std::string& version) { return version.empty() ? "an unknown version" : "v" + version; }

ServiceSurvey ServiceRunner::survey(const ServiceRoute& route, std::int64_t now_ms, const std::string& seed) {
  const ServiceSteps steps(route, parameters_, now_ms, seed, main_);
  ServiceSurvey out;
  Losses losses(route.service);
  const auto there = home_.collection_names();
  ServiceRun run;
  run.to = route.route.to;
  run.now_ms = now_ms;
  run.seed = seed;
  ServiceWork work{route, std::move(run), ServiceVersion(home_, route.service), Residue(home_), {}};
  work.has_images = may_restore(route, there);
  for (const auto& info : home_.collections()) {
    if (info.type != "view" || std::ranges::find(steps.collections(), info.name) == steps.collections().end()) continue;
    throw Error(Exit::kPrecondition,
                fmt::format("'{}' is a view, and {} would be migrated there", info.name, name_of(route.service)),
                "Name the collection with the documents: --set PARAMETER=COLLECTION. Nothing was written.");
  }
  auto duplicates = unique_indexes(steps.indexes(), there, steps.collections(), work.version.indexes());
  auto names = steps.collections();
  for (const auto& name : duplicates.collections()) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  for (const auto& name : names) {
    if (!there.contains(name)) {
      out.absent.push_back(name);
      continue;
    }
    ServiceSurvey::Collection collection{name};
    const auto total = home_.estimated_count(name);
    const bool indexed = duplicates.collections().contains(name);
    const auto take = [&](const ServiceEdit& edit) {
      if (indexed && edit.after) duplicates.add(name, *edit.after, example_of(*edit.after), true);
      if (edit.before.size() > 0) {
        ++(edit.after ? collection.edited : collection.removed);
        losses.add(name, edit);
      }
      if (!edit.consumed.empty()) ++collection.restored;
      collection.bytes += static_cast<std::int64_t>(edit.before.size() > 0 ? edit.before.size()
                                                    : edit.after           ? bson::encoded_size(*edit.after)
                                                                           : 0);
      for (const auto& message : edit.messages) {
        if (out.warnings.size() < kWarnings) {
          out.warnings.push_back(message.text);
        } else {
          ++out.more_warnings;
        }
      }
    };
    std::int64_t read = 0;
    std::vector<bson::Bytes> batch;
    const auto look = [&] {
      const auto images = images_for(work, name, batch);
      for (auto& bytes : std::exchange(batch, {})) {
        const auto found = images.find(id_key(*bson::View(bytes).get("_id")));
        auto one = edit(work, name, bytes, found == images.end() ? nullptr : &found->second);
        if (one) {
          take(*one);
        } else if (indexed) {
          const auto document = bytes.decode();
          duplicates.add(name, document, example_of(document), false);
        }
      }
      observer_.collection(name, read, std::max(read, total));
      if (settings_.control) settings_.control->checkpoint();
    };
    read_in_order(home_, name, std::nullopt, [&](bson::View view) {
      ++read;
      batch.push_back(view.copy());
      if (batch.size() >= kServiceBatch) look();
    });
    if (!batch.empty()) look();
    if (work.has_images) {
      each_returned(work, name, [&](const std::vector<ServiceEdit>& edits) {
        for (const auto& one : edits) take(one);
      });
    }
    if (collection.edited + collection.removed + collection.restored > 0) {
      out.collections.push_back(std::move(collection));
    }
  }
  out.duplicates = std::move(duplicates).take();
  for (const auto& [name, index] : steps.indexes()) {
    if (!there.contains(name)) continue;
    const bool changes =
        index.drop ? home_.index_names(name).contains(index.name()) : !is_made(home_.indexes(name), index);
    if (changes) out.indexes.push_back(std::string(index.drop ? "drop " : "make ") + name + "." + index.name());
  }
  if (route.leaves && settings_.allow_drop) {
    for (const auto& [parameter, name] : parameters_.of(route.service)) {
      if (!there.contains(name)) continue;
      out.losses.push_back({route.service, route.route.to, "the collection " + name, home_.estimated_count(name), {}});
    }
  }
  for (auto& loss : losses.take()) out.losses.push_back(std::move(loss));
  return out;
}

ServiceDuplicates ServiceRunner::unique_indexes(const std::vector<ServiceIndex>& indexes,
                                                const std::set<std::string>& there,
                                                const std::vector<std::string>& written,
                                                const std::vector<std::string>& ours) {
  std::vector<UniqueIndex> unique;
  std::set<std::string> go;
  for (const auto& one : indexes) {
    if (one.index.drop) go.insert(one.collection + "/" + one.index.name());
    if (one.index.drop || !one.index.unique || !there.contains(one.collection)) continue;
    if (!is_made(home_.indexes(one.collection), one.index)) unique.push_back(to_be_made(one));
  }
  for (const auto& name : written) {
    if (!there.contains(name)) continue;
    for (const auto& index : home_.indexes(name)) {
      auto one = judged(name, index);
      const auto key = name + "/" + (one ? one->name : "");
      if (!one || (go.contains(key) && std::ranges::find(ours, key) != ours.end())) continue;
      unique.push_back(std::move(*one));
    }
  }
  return ServiceDuplicates(std::move(unique));
}

ServiceReport ServiceRunner::run(const ServiceRoute& route, std::int64_t now_ms, const std::string& seed) {
  ServiceRun run;
  run.run = settings_.run;
  run.to = route.route.to;
  run.now_ms = now_ms;
  run.seed = seed;
  run.undo_log = settings_.undo_log;
  run.allow_drop = settings_.allow_drop;
  run.parameters = parameters_;
  run.revisions = checksums_of(route);
  return go(route, std::move(run), false);
}

std::optional<ServiceReport> ServiceRunner::roll_forward(Service service) {
  auto run = ServiceVersion(home_, service).unfinished();
  if (!run) return std::nullopt;
  settings_.undo_log = run->undo_log;
  settings_.allow_drop = run->allow_drop;
  if (run->parameters) parameters_ = *run->parameters;
  if (!run->undoes.empty()) {
    const auto part = Residue(home_).run(run->undoes);
    if (!part) {
      throw Error(Exit::kFailed, fmt::format("The undo log of {} is gone, in the middle of its undo", run->undoes));
    }
    auto report = take_back(service, *part, std::move(*run));
    for (const auto& text : report.left) observer_.message({ops::Message::Level::kWarning, text + ", left as it is"});
    return report;
  }
  const auto doc = home_.find_one(kServiceVersions, Document{{"_id", name_of(service)}});
  const auto* from = doc->find("version");
  const auto* text = from ? from->as<std::string>() : nullptr;
  const auto route = service_route(catalogue_, service, text ? std::optional(*text) : std::nullopt, run->to);
  refuse_other_revisions(route, *run);
  return go(route, std::move(*run), true);
}

ServiceReport ServiceRunner::go(const ServiceRoute& route, ServiceRun run, bool begun) {
  const auto service = route.service;
  const bool down = route.route.direction == Direction::kDown;
  ServiceWork work{route, std::move(run), ServiceVersion(home_, service), Residue(home_), {}};
  work.report = {service, route.route.from, route.route.to};
  const ServiceSteps steps(route, parameters_, work.run.now_ms, work.run.seed, main_);
  observer_.message({ops::Message::Level::kInfo, fmt::format("Migrating {} from {} to v{}", name_of(service),
                                                             shown_version(route.route.from), route.route.to)});
  for (const auto* revision : route.route.revisions) {
    if (down) work.open.push_back(revision->id);
  }
  auto collections = steps.collections();
  if (route.leaves && settings_.allow_drop && settings_.undo_log) {
    for (const auto& [parameter, name] : parameters_.of(service)) {
      work.dropped.insert(name);
      if (std::ranges::find(collections, name) == collections.end()) collections.push_back(name);
    }
  }
  const auto& cursor = work.run.collection;
  if (!cursor.empty() && std::ranges::find(collections, cursor) == collections.end()) {
    throw Error(
        Exit::kPrecondition,
        fmt::format("{} stopped in the collection '{}', which no revision on its way names", name_of(service), cursor),
        fmt::format("Take the run back: fiftyone-migrator undo {}.", run_of_part(work.run.run)));
  }
  try {
    const auto there = home_.collection_names();
    work.has_images = may_restore(route, there);
    if (settings_.undo_log) {
      auto record = record_of(work.run.run, work.run.now_ms, work.run.seed, work.run.to);
      record.version = work.version.document();
      record.from = route.route.from;
      record.to = route.route.to;
      if (route.leaves && settings_.allow_drop) record.dropped = definitions(service);
      work.seq = work.residue.begin(std::move(record)).seq;
    }
    if (!begun) work.version.begin(route.route.from, work.run);
    drop_indexes(work, steps);
    bool reached = work.run.collection.empty();
    for (const auto& name : collections) {
      if (name == work.run.collection) reached = true;
      if (!reached || !there.contains(name)) continue;
      edit_collection(work, name);
      if (work.has_images) return_removed(work, name);
    }
    make_indexes(work, steps.indexes());
    if (route.leaves && settings_.allow_drop) {
      for (const auto& [parameter, name] : parameters_.of(service)) {
        if (there.contains(name)) home_.drop(name);
      }
    }
    auto checksums = work.version.revisions();
    for (const auto* revision : route.route.revisions) {
      checksums.take(revision->id);
      if (!revision->built_in && !down) checksums.append(revision->id, revision->checksum);
    }
    work.version.set_revisions(std::move(checksums));
    const auto& all = catalogue_.of(service);
    const auto goal = Version::parse(route.route.to).base();
    const auto last = std::find_if(all.rbegin(), all.rend(), [&](const Revision& r) { return r.version <= goal; });
    work.version.finish(route.route.to, !route.leaves, last == all.rend() ? "" : last->id);
  } catch (const Error& error) {
    note_failure(work, error);
    throw;
  }
  return work.report;
}

// How the collections that go were made.
Array ServiceRunner::definitions(Service service) {
  Array out;
  for (const auto& info : home_.collections()) {
    const auto& own = parameters_.of(service);
    const bool goes = std::ranges::any_of(own, [&](const auto& one) { return one.second == info.name; });
    if (!goes || info.type != "collection") continue;
    out.append(Document{
        {"collection", info.name}, {"options", info.options}, {"indexes", Array::of(home_.indexes(info.name))}});
  }
  return out;
}

void ServiceRunner::note_failure(ServiceWork& work, const Error& error) {
  if (is_stop(error.code())) return;
  note_end(error, [&] { work.version.fail(); });
}

void ServiceRunner::drop_indexes(ServiceWork& work, const ServiceSteps& steps) {
  auto& version = work.version;
  const auto ours = version.indexes();
  for (const auto& [collection, index] : steps.indexes()) {
    const auto key = collection + "/" + index.name();
    if (!index.drop || std::ranges::find(ours, key) == ours.end()) continue;
    if (home_.collection_names().contains(collection)) home_.drop_index(collection, index.name());
    version.forget_index(key);
  }
}

std::vector<ServiceIndex> ServiceRunner::make_indexes(ServiceWork& work, const std::vector<ServiceIndex>& indexes) {
  std::vector<ServiceIndex> left;
  auto& version = work.version;
  const auto there = home_.collection_names();
  for (const auto& [collection, index] : indexes) {
    if (index.drop || !there.contains(collection)) continue;
    if (is_made(home_.indexes(collection), index)) continue;
    const auto key = collection + "/" + index.name();
    version.add_index(key);
    if (make_index(collection, index.definition())) continue;
    version.forget_index(key);
    left.push_back({collection, index});
  }
  return left;
}

bool ServiceRunner::make_index(const std::string& collection, const Document& definition) {
  try {
    home_.create_indexes(collection, {definition});
    return true;
  } catch (const Error& error) {
    if (!is_duplicate(error)) throw;
    observer_.message(
        {ops::Message::Level::kWarning, fmt::format("The unique index {} on {} is left out: {}",
                                                    bson::text_at(definition, "name"), collection, error.what())});
    return false;
  }
}

}  // namespace fm
