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

std::vector<std::string> indexes_of(const Document& version) {
  std::vector<std::string> out;
  const auto* list = version.find("indexes");
  if (!list || !list->as<Array>()) return out;
  for (const auto& item : *list->as<Array>()) {
    if (const auto* text = item.as<std::string>()) out.push_back(*text);
  }
  return out;
}

// In `a` and not in `b`.
std::vector<std::string> without(std::vector<std::string> a, const std::vector<std::string>& b) {
  std::erase_if(a, [&](const std::string& one) { return std::ranges::find(b, one) != b.end(); });
  return a;
}

std::string shown(const std::string& version) { return version.empty() ? "an unknown version" : "v" + version; }

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

// Nothing where there is nothing to write, nor an image to close or open.
std::optional<ServiceEdit> ServiceRunner::taken_back(const std::string& collection, const Image& image,
                                                     const std::optional<Document>& now,
                                                     std::vector<std::string>& conflicts) {
  ServiceEdit out;
  if (!image.open.empty()) out.consumed.push_back({image.run, image.open});
  out.consumed.insert(out.consumed.end(), image.revived.begin(), image.revived.end());
  out.revived = image.consumed;
  const auto conflict = [&](const std::string& what) {
    conflicts.push_back(fmt::format("{} '{}': {}", collection, image.name, what));
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
    if (*now == *image.after) {
      out.after.reset();
    } else {
      conflict("changed since");
    }
  } else if (!image.after) {
    if (!(*now == *image.before)) conflict("made again since");
  } else {
    auto merged = bson::merge(*image.after, *now, *image.before);
    if (!merged.conflicts.empty()) conflict(fmt::format("{}", fmt::join(merged.conflicts, ", ")));
    out.after = std::move(merged.document);
  }
  out.only_image = out.after && *out.after == *now;
  if (out.only_image && out.consumed.empty() && out.revived.empty()) return std::nullopt;
  return out;
}

std::vector<std::string> ServiceRunner::obstacles(Service service, const RunRecord& part) {
  std::vector<std::string> out;
  ServiceVersion version(home_, service);
  const auto now = version.document();
  const auto left = version.unfinished();
  const bool half_way = left && (left->run == part.run || left->undoes == part.run);
  const auto stands = ServiceVersion::stands_at(now);
  const bool back = part.version && stands == ServiceVersion::stands_at(*part.version);
  if (!half_way && stands != part.target && !back) {
    out.push_back(fmt::format("the service is at {}, and that run left it at {}", shown(stands), shown(part.target)));
    return out;
  }
  touched(part, [&](const std::string& collection, const TouchedBatch& batch) {
    for (const auto& [image, document] : batch) taken_back(collection, image, document, out);
  });
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
  const bool up = !run.to.empty() && !from.empty() && Version::parse(from) < Version::parse(run.to);
  const ServiceRoute route{
      service, {from, run.to, up ? Direction::kUp : Direction::kDown, {}, true}, !before.has("version")};
  ServiceWork work{route, std::move(run), version, Residue(home_), {}};
  work.report = {service, part.target, work.run.to};
  observer_.message(
      {ops::Message::Level::kInfo, fmt::format("Taking {} back to {}", name_of(service), shown(work.run.to))});
  auto own = record_of(work.run.run, work.run.now_ms, work.run.seed, work.run.to);
  own.undoes = part.run;
  own.version = work.version.document();
  own.dropped = part.made;
  const auto there = home_.collection_names();
  for (const auto& one : part.dropped) {
    if (!there.contains(bson::text_at(*one.as<Document>(), "collection"))) own.made.append(one);
  }
  try {
    // One that goes on finds what the first attempt wrote down.
    const auto begun = work.residue.begin(std::move(own));
    work.seq = begun.seq;
    work.version.begin(from, work.run);
    drop_made_indexes(work, part);
    make_collections(part);
    touched(part, [&](const std::string& collection, const TouchedBatch& batch) {
      std::vector<ServiceEdit> edits;
      std::vector<std::string> kept;
      for (const auto& [image, now] : batch) {
        if (auto one = taken_back(collection, image, now, kept)) edits.push_back(std::move(*one));
      }
      for (const auto& text : kept) observer_.message({ops::Message::Level::kWarning, text + ", left as it is"});
      write(work, collection, edits);
      if (settings_.control) settings_.control->checkpoint();
    });
    make_their_indexes(part);
    drop_collections(part);
    make_dropped_indexes(work, part, begun);
    work.version.finish_undo(before);
    // Last: what is marked is not looked at again.
    work.residue.undone(part.run, work.run.run);
    if (part.undoes) work.residue.undone(*part.undoes, std::nullopt);
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

void ServiceRunner::make_their_indexes(const RunRecord& part) {
  for (const auto& one : part.dropped) {
    const auto& definition = *one.as<Document>();
    const auto name = bson::text_at(definition, "collection");
    const auto present = home_.index_names(name);
    for (const auto& index : *definition.find("indexes")->as<Array>()) {
      const auto& wanted = *index.as<Document>();
      if (!present.contains(bson::text_at(wanted, "name"))) make_index(name, wanted);
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
  for (const auto& key : without(work.version.indexes(), indexes_of(part.version.value_or(Document())))) {
    const auto slash = key.rfind('/');
    const auto collection = key.substr(0, slash);
    if (there.contains(collection)) home_.drop_index(collection, key.substr(slash + 1));
    work.version.forget_index(key);
  }
}

void ServiceRunner::make_dropped_indexes(ServiceWork& work, const RunRecord& part, const RunRecord& own) {
  const auto before = part.version.value_or(Document());
  // Not those that are noted now: one may be noted and not made yet.
  const auto wanted = without(indexes_of(before), indexes_of(own.version.value_or(Document())));
  if (wanted.empty()) return;
  // All that a way up to that version makes.
  const auto route = service_route(catalogue_, work.route.service, std::nullopt, ServiceVersion::stands_at(before));
  const ServiceSteps steps(route, parameters_, work.run.now_ms, work.run.seed, main_);
  std::vector<ServiceIndex> indexes;
  for (const auto& one : steps.indexes()) {
    const auto key = one.collection + "/" + one.index.name();
    if (!one.index.drop && std::ranges::find(wanted, key) != wanted.end()) indexes.push_back(one);
  }
  make_indexes(work, indexes);
}

}  // namespace fm
