#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "bson/merge.h"
#include "bson/read.h"
#include "exec/service_work.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// In `a` and not in `b`.
std::vector<std::string> without(std::vector<std::string> a, const std::vector<std::string>& b) {
  std::erase_if(a, [&](const std::string& one) { return std::ranges::find(b, one) != b.end(); });
  return a;
}

std::string no_index(const std::string& collection, const std::string& index) {
  return fmt::format("{}: the unique index {} cannot be made again, because values stand twice", collection, index);
}

}  // namespace

void ServiceRunner::touched(const RunRecord& part, const std::function<void(const std::string&, TouchedBatch)>& visit) {
  Residue residue(home_);
  std::string collection;
  TouchedBatch batch;
  const auto flush = [&] {
    if (batch.empty()) return;
    Array ids;
    for (const auto& [image, now] : batch) ids.append(image.document);
    std::map<std::string, Document> found;
    home_.find(collection, Document{{"_id", Document{{"$in", std::move(ids)}}}}, {},
               [&](bson::View view) { found.emplace(id_key(*view.get("_id")), view.decode()); });
    for (auto& [image, now] : batch) {
      const auto at = found.find(id_key(image.document));
      if (at != found.end()) now = std::move(at->second);
    }
    visit(collection, std::exchange(batch, {}));
  };
  residue.of_run(part.run, [&](Image image) {
    if (image.collection != collection || batch.size() >= kServiceBatch) flush();
    collection = image.collection;
    batch.emplace_back(std::move(image), std::nullopt);
  });
  flush();
}

// Nothing where the document is gone, or stays as it is because of a conflict.
std::optional<ServiceEdit> ServiceRunner::taken_back(const std::string& collection, const Image& image,
                                                     const std::optional<Document>& now,
                                                     std::vector<std::string>& conflicts) {
  ServiceEdit out;
  if (!image.open.empty()) out.consumed.push_back({image.run, image.open});
  out.consumed.insert(out.consumed.end(), image.revived.begin(), image.revived.end());
  out.revived = image.consumed;
  const auto conflict = [&](const std::string& what) {
    conflicts.push_back(fmt::format("{} '{}': {}", collection, image.name, what));
    return std::nullopt;
  };
  if (!now) {
    // Removed by the run, or by somebody since.
    if (image.after || !image.before) return std::nullopt;
    out.after = image.before;
    return out;
  }
  out.before = bson::encode(*now);
  out.after = now;
  if (!image.before) {
    if (!(*now == *image.after)) return conflict("changed since");
    out.after.reset();
  } else if (!image.after) {
    if (!(*now == *image.before)) return conflict("made again since");
  } else {
    auto merged = bson::merge(*image.after, *now, *image.before);
    if (!merged.conflicts.empty()) {
      return conflict(fmt::format("{} changed since", fmt::join(merged.conflicts, ", ")));
    }
    out.after = std::move(merged.document);
  }
  // An image of that, too: without one it would have come since, to whoever takes
  // the undo back.
  out.only_image = out.after && *out.after == *now;
  return out;
}

ServiceRoute ServiceRunner::way_back(Service service, const RunRecord& part, const Document& found) {
  ServiceRoute none{service, {part.to, part.from, Direction::kDown, {}, true}, false};
  // Half-way, nobody can tell at which version a document came; and what an
  // earlier undo of the run has left stays left.
  const bool arrived = bson::text_at(found, "run.run") != part.run && ServiceVersion::stands_at(found) == part.target;
  if (!arrived || part.from == part.to) return none;
  const auto from = part.to.empty() ? std::nullopt : std::optional(part.to);
  return service_route(catalogue_, service, from, part.from.empty() ? first_version(service) : part.from);
}

void ServiceRunner::untouched(ServiceWork& work, const RunRecord& part, const std::set<std::string>& others,
                              const std::function<void(const std::string&, const std::vector<bson::Bytes>&)>& visit) {
  const auto& route = work.route.route;
  std::vector<std::string> names;
  if (!route.revisions.empty()) names = steps(work, route.from, route.to).collections();
  for (const auto& name : others) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  const auto there = home_.collection_names();
  const std::string service = name_of(work.route.service);
  const auto flush = [&](const std::string& name, std::vector<bson::Bytes> batch) {
    Array ids;
    for (const auto& bytes : batch) ids.append(*bson::View(bytes).get("_id"));
    std::set<std::string> known;
    FindOptions options;
    options.projection = Document{{"document", 1}};
    home_.find(
        kResidue,
        Document{{"document", Document{{"$in", ids}}}, {"run", part.run}, {"service", service}, {"collection", name}},
        options, [&](bson::View view) { known.insert(id_key(*view.get("document"))); });
    const auto own = work.residue.images(work.run.run, service, name, ids);
    std::erase_if(batch, [&](const bson::Bytes& bytes) {
      const auto key = id_key(*bson::View(bytes).get("_id"));
      const auto done = own.find(key);
      return known.contains(key) || (done != own.end() && done->second.after && bytes.decode() == *done->second.after);
    });
    if (!batch.empty()) visit(name, batch);
  };
  for (const auto& name : names) {
    if (!there.contains(name)) continue;
    std::vector<bson::Bytes> batch;
    read_in_order(home_, name, std::nullopt, [&](bson::View view) {
      batch.push_back(view.copy());
      if (batch.size() >= kServiceBatch) flush(name, std::exchange(batch, {}));
    });
    flush(name, std::exchange(batch, {}));
  }
}

// What the way back makes of a document that came since.
std::optional<ServiceEdit> ServiceRunner::derived(ServiceWork& work, const std::string& collection,
                                                  const bson::Bytes& bytes, std::vector<std::string>& left) {
  const auto& route = work.route.route;
  if (route.revisions.empty()) return std::nullopt;
  const auto leave = [&](const std::string& why) {
    left.push_back(fmt::format("{} '{}': {}", collection, example_of(bytes.decode()), why));
    return std::nullopt;
  };
  try {
    if (work.unknown) {
      if (!steps(work, route.from, route.to).edit(collection, bytes)) return std::nullopt;
      return leave("came since, and it is not known at which version that run found the service");
    }
    if (auto kept = only_image(work, collection, bytes)) return kept;
    return edit(work, collection, bytes, nullptr);
  } catch (const Error& error) {
    if (error.code() != Exit::kPrecondition) throw;
    return leave(error.what());
  }
}

std::optional<std::string> ServiceRunner::moved_since(Service service, const RunRecord& part) {
  ServiceVersion version(home_, service);
  const auto left = version.unfinished();
  if (left && (left->run == part.run || left->undoes == part.run)) return std::nullopt;
  const auto stands = ServiceVersion::stands_at(version.document());
  if (stands == part.target || (part.version && stands == ServiceVersion::stands_at(*part.version))) {
    return std::nullopt;
  }
  return fmt::format("the service is at {}, and that run left it at {}", shown_version(stands),
                     shown_version(part.target));
}

std::vector<std::string> ServiceRunner::obstacles(Service service, const RunRecord& part) {
  if (auto moved = moved_since(service, part)) return {std::move(*moved)};
  std::vector<std::string> out;
  ServiceVersion version(home_, service);
  const auto left = version.unfinished();
  const bool goes_on = left && left->undoes == part.run;
  const auto own = goes_on ? Residue(home_).run(left->run) : std::nullopt;
  const auto route = way_back(service, part, own && own->version ? *own->version : version.document());
  ServiceWork work{route, goes_on ? *left : ServiceRun(), version, Residue(home_), {}};
  work.unknown = part.from.empty();
  const auto noted = own && own->version ? bson::strings_at(*own->version, "indexes") : version.indexes();
  auto duplicates = unique_indexes(dropped_indexes(service, part, noted), home_.collection_names(), {}, {});
  const auto stays = [&](const std::string& collection, const Document& document) {
    if (duplicates.collections().contains(collection)) duplicates.add(collection, document, example_of(document), true);
  };
  touched(part, [&](const std::string& collection, const TouchedBatch& batch) {
    for (const auto& [image, now] : batch) {
      const auto one = taken_back(collection, image, now, out);
      if (one ? one->after : now) stays(collection, one ? *one->after : *now);
    }
  });
  untouched(work, part, duplicates.collections(),
            [&](const std::string& collection, const std::vector<bson::Bytes>& batch) {
              for (const auto& bytes : batch) {
                const auto one = derived(work, collection, bytes, out);
                if (!one) stays(collection, bytes.decode());
                if (one && one->after) stays(collection, *one->after);
              }
            });
  for (const auto& one : std::move(duplicates).take()) {
    out.push_back(fmt::format("{}: the unique index {} cannot be made again, {} stands twice, in {}", one.collection,
                              one.index, one.keys, fmt::join(one.examples, "; ")));
  }
  return out;
}

ServiceReport ServiceRunner::undo(Service service, const RunRecord& part, std::int64_t now_ms,
                                  const std::string& seed) {
  ServiceRun run;
  run.run = settings_.run;
  run.undoes = part.run;
  run.to = ServiceVersion::stands_at(part.version.value_or(Document()));
  run.now_ms = now_ms;
  run.seed = seed;
  return take_back(service, part, std::move(run));
}

// Order: as a run's, with its indexes the other way round.
ServiceReport ServiceRunner::take_back(Service service, const RunRecord& part, ServiceRun run) {
  const auto before = part.version.value_or(Document());
  ServiceVersion version(home_, service);
  const auto from = ServiceVersion::stands_at(version.document());
  auto own = record_of(run.run, run.now_ms, run.seed, run.to);
  own.undoes = part.run;
  own.version = version.document();
  own.from = part.to;
  own.to = part.from;
  own.dropped = part.made;
  const auto there = home_.collection_names();
  for (const auto& one : part.dropped) {
    if (!there.contains(bson::text_at(*one.as<Document>(), "collection"))) own.made.append(one);
  }
  observer_.message(
      {ops::Message::Level::kInfo, fmt::format("Taking {} back to {}", name_of(service), shown_version(run.to))});
  // One that goes on finds what the first attempt wrote down.
  const auto begun = Residue(home_).begin(std::move(own));
  const auto found = begun.version.value_or(Document());
  const auto route = way_back(service, part, found);
  ServiceWork work{route, std::move(run), version, Residue(home_), {}};
  work.unknown = part.from.empty();
  work.seq = begun.seq;
  work.report = {service, part.target, work.run.to};
  auto& left = work.report.left;
  try {
    work.version.begin(from, work.run);
    drop_made_indexes(work, part);
    make_collections(part);
    touched(part, [&](const std::string& collection, const TouchedBatch& batch) {
      std::vector<ServiceEdit> edits;
      for (const auto& [image, now] : batch) {
        if (auto one = taken_back(collection, image, now, left)) edits.push_back(std::move(*one));
      }
      write(work, collection, edits);
      if (settings_.control) settings_.control->checkpoint();
    });
    // A way down like others: what it takes away comes back on a way up.
    if (route.route.direction == Direction::kDown) {
      for (const auto* revision : route.route.revisions) work.open.push_back(revision->id);
    }
    untouched(work, part, {}, [&](const std::string& collection, const std::vector<bson::Bytes>& batch) {
      std::vector<ServiceEdit> edits;
      for (const auto& bytes : batch) {
        if (auto one = derived(work, collection, bytes, left)) edits.push_back(std::move(*one));
      }
      write(work, collection, edits);
      if (settings_.control) settings_.control->checkpoint();
    });
    make_their_indexes(part, left);
    drop_collections(part);
    auto stored = before;
    for (const auto& [collection, index] :
         make_indexes(work, dropped_indexes(service, part, bson::strings_at(found, "indexes")))) {
      left.push_back(no_index(collection, index.name()));
      stored.set("indexes", Array::of(without(bson::strings_at(stored, "indexes"), {collection + "/" + index.name()})));
    }
    work.version.finish_undo(stored);
    if (left.empty()) {
      // Last: what is marked is not looked at again.
      work.residue.undone(part.run, work.run.run);
      if (part.undoes) work.residue.undone(*part.undoes, std::nullopt);
    }
  } catch (const Error& error) {
    note_failure(work, error);
    throw;
  }
  return work.report;
}

// A collection that is there meanwhile is the service's own.
void ServiceRunner::make_collections(const RunRecord& part) {
  const auto there = home_.collection_names();
  for (const auto& one : part.dropped) {
    const auto& definition = *one.as<Document>();
    const auto name = bson::text_at(definition, "collection");
    if (!there.contains(name)) home_.create(name, *definition.find("options")->as<Document>());
  }
}

void ServiceRunner::make_their_indexes(const RunRecord& part, std::vector<std::string>& left) {
  for (const auto& one : part.dropped) {
    const auto& definition = *one.as<Document>();
    const auto name = bson::text_at(definition, "collection");
    const auto present = home_.index_names(name);
    for (const auto& index : *definition.find("indexes")->as<Array>()) {
      const auto& wanted = *index.as<Document>();
      const auto index_name = bson::text_at(wanted, "name");
      if (present.contains(index_name) || make_index(name, wanted)) continue;
      left.push_back(no_index(name, index_name));
    }
  }
}

void ServiceRunner::drop_collections(const RunRecord& part) {
  const auto there = home_.collection_names();
  for (const auto& one : part.made) {
    const auto name = bson::text_at(*one.as<Document>(), "collection");
    // What others have put there since stays.
    if (there.contains(name) && home_.count(name, {}) == 0) home_.drop(name);
  }
}

void ServiceRunner::drop_made_indexes(ServiceWork& work, const RunRecord& part) {
  const auto there = home_.collection_names();
  for (const auto& key :
       without(work.version.indexes(), bson::strings_at(part.version.value_or(Document()), "indexes"))) {
    const auto slash = key.rfind('/');
    const auto collection = key.substr(0, slash);
    if (there.contains(collection)) home_.drop_index(collection, key.substr(slash + 1));
    work.version.forget_index(key);
  }
}

std::vector<ServiceIndex> ServiceRunner::dropped_indexes(Service service, const RunRecord& part,
                                                         const std::vector<std::string>& noted) {
  const auto before = part.version.value_or(Document());
  // Not those that are noted now: one may be noted and not made yet.
  const auto wanted = without(bson::strings_at(before, "indexes"), noted);
  std::vector<ServiceIndex> out;
  if (wanted.empty()) return out;
  // All that a way up to that version makes.
  const auto route = service_route(catalogue_, service, std::nullopt, ServiceVersion::stands_at(before));
  const ServiceSteps steps(route, parameters_, part.now_ms, part.seed, main_);
  for (const auto& one : steps.indexes()) {
    const auto key = one.collection + "/" + one.index.name();
    if (!one.index.drop && std::ranges::find(wanted, key) != wanted.end()) out.push_back(one);
  }
  return out;
}

}  // namespace fm
