#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "bson/merge.h"
#include "exec/batch_size.h"
#include "exec/guard.h"
#include "exec/service_work.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kHashBytes = 12;
constexpr int kAttempts = 3;

std::string hash_of(const bson::Bytes& bytes) {
  const auto digest = sha256({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return {reinterpret_cast<const char*>(digest.data()), kHashBytes};
}

bson::Bytes guard_of(const ServiceEdit& edit) {
  static const Document nothing;
  return guard(*bson::View(edit.before).get("_id"), edit.before, edit.after ? *edit.after : nothing);
}

bool is_older(const std::string& a, const std::string& b) { return Version::parse(a) < Version::parse(b); }

// Of the revisions that an image leaves open, those that a way up to `version` passes.
std::vector<std::string> consumed_by(const ServiceWork& work, const Image& image, const std::string& version) {
  std::vector<std::string> out;
  const auto goal = Version::parse(version).base();
  for (const auto& id : image.open) {
    const bool passed = std::ranges::any_of(work.route.route.revisions, [&](const Revision* revision) {
      return revision->id == id && revision->version <= goal;
    });
    if (passed) out.push_back(id);
  }
  return out;
}

}  // namespace

std::string example_of(const Document& doc) {
  for (const char* key : {"name", "email", "inviteeEmail", "id", "label", "description"}) {
    const auto* value = doc.find(key);
    if (value && value->as<std::string>() && !value->as<std::string>()->empty()) return *value->as<std::string>();
  }
  const auto* id = doc.find("_id");
  const auto* oid = id ? id->as<bson::Oid>() : nullptr;
  if (oid) return oid->hex();
  const auto* text = id ? id->as<std::string>() : nullptr;
  return text ? *text : "?";
}

// All documents behind `after`, in the order of _id across its types.
void read_in_order(Mongo& mongo, const std::string& collection, const std::optional<Value>& after,
                   const std::function<void(bson::View)>& visit) {
  auto last = after;
  // By pages: a cursor would time out while a slow run waits.
  for (;;) {
    FindOptions options;
    options.sort = Document{{"_id", 1}};
    options.hint = Document{{"_id", 1}};
    options.limit = static_cast<std::int64_t>(kServiceBatch) + 1;
    if (last) options.min = Document{{"_id", *last}};
    const auto behind = last;
    std::int64_t read = 0;
    mongo.find(collection, {}, options, [&](bson::View view) {
      ++read;
      last = view.get("_id");
      if (!behind || !(*last == *behind)) visit(view);
    });
    if (read < options.limit) return;
  }
}

void ServiceRunner::edit_collection(ServiceWork& work, const std::string& collection) {
  std::set<std::string> done;
  if (work.run.collection == collection) {
    for (std::size_t at = 0; at + kHashBytes <= work.run.done.size(); at += kHashBytes) {
      done.insert(work.run.done.substr(at, kHashBytes));
    }
  } else {
    work.run.after.reset();
    work.run.done.clear();
  }
  work.run.collection = collection;
  const auto total = home_.estimated_count(collection);
  std::int64_t read = 0;
  std::vector<bson::Bytes> batch;
  std::size_t bytes = 0;
  std::optional<Value> last;
  const auto most =
      settings_.control ? static_cast<std::size_t>(settings_.control->piece(kServiceBatch)) : kServiceBatch;
  const auto flush = [&] {
    edit_batch(work, collection, std::exchange(batch, {}), done);
    bytes = 0;
    work.run.after = last;
    observer_.collection(collection, read, std::max(read, total));
    if (settings_.control) settings_.control->checkpoint();
  };
  read_in_order(home_, collection, work.run.after, [&](bson::View view) {
    ++read;
    last = view.get("_id");
    bytes += view.size();
    batch.push_back(view.copy());
    if (batch.size() >= most || bytes >= kBatchBytes) flush();
  });
  if (!batch.empty()) flush();
}

std::map<std::string, std::vector<Image>> ServiceRunner::images_for(ServiceWork& work, const std::string& collection,
                                                                    const std::vector<bson::Bytes>& documents) {
  if (!work.has_images) return {};
  Array ids;
  for (const auto& bytes : documents) ids.append(*bson::View(bytes).get("_id"));
  return work.residue.open(name_of(work.route.service), collection, ids);
}

void ServiceRunner::edit_batch(ServiceWork& work, const std::string& collection, std::vector<bson::Bytes> batch,
                               const std::set<std::string>& done) {
  const auto images = images_for(work, collection, batch);
  std::vector<ServiceEdit> edits;
  for (auto& bytes : batch) {
    // What was done of a batch under way is told apart by its hash.
    if (!done.empty() && done.contains(hash_of(bytes))) continue;
    if (work.dropped.contains(collection)) {
      edits.emplace_back().before = std::move(bytes);
      continue;
    }
    if (settings_.undo_log) {
      if (auto kept = only_image(work, collection, bytes)) edits.push_back(std::move(*kept));
    }
    const auto found = images.find(id_key(*bson::View(bytes).get("_id")));
    if (auto one = edit(work, collection, std::move(bytes), found == images.end() ? nullptr : &found->second)) {
      edits.push_back(std::move(*one));
    }
  }
  write(work, collection, edits);
}

std::optional<ServiceEdit> ServiceRunner::only_image(ServiceWork& work, const std::string& collection,
                                                     const bson::Bytes& bytes) {
  const auto& route = work.route.route;
  const auto start = route.from.empty() ? first_version(work.route.service) : route.from;
  if (steps(work, route.from, route.to).edit(collection, bytes)) return std::nullopt;
  if (!steps(work, route.to, start).edit(collection, bytes)) return std::nullopt;
  ServiceEdit out;
  out.before = bytes;
  out.after = bytes.decode();
  out.only_image = true;
  return out;
}

const ServiceSteps& ServiceRunner::steps(ServiceWork& work, const std::string& from, const std::string& to) {
  auto& way = work.ways[{from, to}];
  if (!way) {
    way = std::make_unique<ServiceWork::Way>();
    way->route = service_route(catalogue_, work.route.service, from.empty() ? std::nullopt : std::optional(from), to);
    way->steps = ServiceSteps(way->route, parameters_, work.run.now_ms, work.run.seed, main_);
  }
  return way->steps;
}

// Nothing where the way removes the document.
std::optional<Document> ServiceRunner::moved(ServiceWork& work, const std::string& collection, const Document& document,
                                             const std::string& from, const std::string& to) {
  if (from == to) return document;
  const auto one = steps(work, from, to).edit(collection, bson::encode(document));
  return one ? one->after : std::optional(document);
}

std::optional<ServiceEdit> ServiceRunner::edit(ServiceWork& work, const std::string& collection, bson::Bytes before,
                                               const std::vector<Image>* images) {
  const auto& to = work.route.route.to;
  auto from = work.route.route.from;
  if (!images) return steps(work, from, to).edit(collection, std::move(before));
  ServiceEdit out;
  auto doc = before.decode();
  for (const auto& image : *images) {
    if (!image.before || !is_older(from, image.from)) continue;
    const auto stage = is_older(image.from, to) ? image.from : to;
    const auto left = moved(work, collection, *image.before, image.from, from);
    const auto wanted = moved(work, collection, *image.before, image.from, stage);
    const auto mine = moved(work, collection, doc, from, stage);
    const auto base = left ? moved(work, collection, *left, from, stage) : std::nullopt;
    // Without `left` the way down removed it, and somebody has made it again.
    if (!base || !wanted || !mine) continue;
    auto merged = bson::merge(*base, *mine, *wanted);
    doc = std::move(merged.document);
    from = stage;
    if (merged.conflicts.empty()) {
      out.consumed.push_back({image.run, consumed_by(work, image, stage)});
      continue;
    }
    out.messages.push_back(
        {ops::Message::Level::kWarning, fmt::format("{} '{}' was changed since the way down and keeps its own {}",
                                                    collection, example_of(doc), fmt::join(merged.conflicts, ", "))});
  }
  if (auto last = moved(work, collection, doc, from, to)) doc = std::move(*last);
  if (bson::encode(doc) == before && out.messages.empty() && out.consumed.empty()) return std::nullopt;
  out.before = std::move(before);
  out.after = std::move(doc);
  return out;
}

// One document that a way down has removed whole; nothing where it was not that
// way, or no version on the way has it.
std::optional<ServiceEdit> ServiceRunner::returned(ServiceWork& work, const std::string& collection,
                                                   const std::vector<Image>& images) {
  const auto& to = work.route.route.to;
  auto from = work.route.route.from;
  ServiceEdit out;
  std::optional<Document> doc;
  for (const auto& image : images) {
    if (!image.before || !is_older(from, image.from)) continue;
    const auto stage = is_older(image.from, to) ? image.from : to;
    // It was there at the lower version, so somebody has deleted it since.
    if (!doc && moved(work, collection, *image.before, image.from, from)) return std::nullopt;
    doc = moved(work, collection, *image.before, image.from, stage);
    if (!doc) continue;
    from = stage;
    out.consumed.push_back({image.run, consumed_by(work, image, stage)});
  }
  if (doc) doc = moved(work, collection, *doc, from, to);
  if (!doc) return std::nullopt;
  out.after = std::move(doc);
  return out;
}

void ServiceRunner::return_removed(ServiceWork& work, const std::string& collection) {
  each_returned(work, collection, [&](const std::vector<ServiceEdit>& edits) {
    write(work, collection, edits);
    if (settings_.control) settings_.control->checkpoint();
  });
}

void ServiceRunner::each_returned(ServiceWork& work, const std::string& collection,
                                  const std::function<void(const std::vector<ServiceEdit>&)>& visit) {
  const auto service = std::string(name_of(work.route.service));
  FindOptions options;
  options.projection = Document{{"document", 1}};
  std::vector<Value> all;
  home_.find(kResidue,
             Document{{"service", service}, {"collection", collection}, {"open.0", Document{{"$exists", true}}}},
             options, [&](bson::View view) {
               if (auto id = view.get("document")) all.push_back(std::move(*id));
             });
  for (std::size_t start = 0; start < all.size(); start += kServiceBatch) {
    Array ids;
    for (std::size_t i = start; i < std::min(all.size(), start + kServiceBatch); ++i) ids.append(all[i]);
    std::set<std::string> present;
    FindOptions only_ids;
    only_ids.projection = Document{{"_id", 1}};
    home_.find(collection, Document{{"_id", Document{{"$in", ids}}}}, only_ids,
               [&](bson::View view) { present.insert(id_key(*view.get("_id"))); });
    std::vector<ServiceEdit> edits;
    for (const auto& [key, images] : work.residue.open(service, collection, ids)) {
      if (present.contains(key)) continue;
      if (auto one = returned(work, collection, images)) edits.push_back(std::move(*one));
    }
    visit(edits);
  }
}

// Residue, then the cursor, then the documents, then what they have used up.
void ServiceRunner::write(ServiceWork& work, const std::string& collection, const std::vector<ServiceEdit>& batch) {
  if (batch.empty()) return;
  const auto images = images_of(work, collection, batch);
  if (settings_.undo_log) {
    // An undo that goes on has kept what it has done already, and so has a run that
    // comes to a document of its own once more.
    std::vector<Image> written;
    std::vector<Image> looked_at;
    for (std::size_t i = 0; i < batch.size(); ++i) (batch[i].only_image ? looked_at : written).push_back(images[i]);
    work.residue.keep(written, !work.run.undoes.empty());
    work.residue.keep(looked_at, true);
  } else if (!work.open.empty() && home_.collection_names().contains(kResidue)) {
    Array ids;
    for (const auto& image : images) ids.append(image.document);
    work.residue.supersede(name_of(work.route.service), collection, ids, work.open);
  }
  work.run.done.clear();
  for (const auto& one : batch) {
    if (one.after && !one.only_image) work.run.done += hash_of(bson::encode(*one.after));
  }
  work.version.advance(work.run);

  const auto again = [&](const Value& id) {
    if (write_again(work, collection, id)) return;
    throw Error(Exit::kFailed, fmt::format("A document of '{}' keeps changing while it is migrated", collection),
                "Stop the services that write to it and run the same command again.");
  };
  std::vector<Update> updates;
  std::vector<const ServiceEdit*> replaced;
  std::vector<Document> inserted;
  for (const auto& one : batch) {
    for (const auto& message : one.messages) observer_.message(message);
    if (one.only_image) continue;
    if (!one.after) {
      if (home_.remove_where(collection, guard_of(one).decode()) == 0) again(*one.before.decode().find("_id"));
      ++work.report.removed;
    } else if (one.before.size() == 0) {
      inserted.push_back(*one.after);
      ++work.report.restored;
    } else {
      updates.emplace_back(guard_of(one), bson::encode(*one.after));
      replaced.push_back(&one);
      if (!one.consumed.empty() && work.run.undoes.empty()) ++work.report.restored;
    }
  }
  std::set<std::string> others;  // ids that somebody has given to a document of his own meanwhile
  for (const auto index : home_.insert(collection, inserted)) {
    const auto& mine = inserted[index];
    const auto now = home_.find_one(collection, Document{{"_id", *mine.find("_id")}});
    if (now && *now == mine) continue;
    others.insert(id_key(*mine.find("_id")));
    --work.report.restored;
    observer_.message({ops::Message::Level::kWarning,
                       fmt::format("{} '{}' was made again while it was to come back, and stays as it is", collection,
                                   example_of(mine))});
  }
  work.report.edited += static_cast<std::int64_t>(updates.size());
  if (!updates.empty() && home_.replace(collection, updates) != static_cast<std::int64_t>(updates.size())) {
    // Another client changed some of them: each is read and edited again.
    for (const auto* one : replaced) {
      const auto& id = *one->after->find("_id");
      const auto now = home_.find_one(collection, Document{{"_id", id}});
      if (now && !(*now == *one->after)) again(id);
    }
  }
  std::vector<Image> settled;
  for (const auto& image : images) {
    if (others.contains(id_key(image.document))) continue;
    if (!image.consumed.empty() || !image.revived.empty()) settled.push_back(image);
  }
  if (!settled.empty()) work.residue.settle(settled);
  if (settings_.control) settings_.control->wrote(static_cast<std::int64_t>(batch.size()));
}

std::vector<Image> ServiceRunner::images_of(const ServiceWork& work, const std::string& collection,
                                            const std::vector<ServiceEdit>& batch) {
  std::vector<Image> out;
  for (const auto& one : batch) {
    const bool is_new = one.before.size() == 0;
    auto known = is_new ? *one.after : one.before.decode();
    Image image;
    image.run = work.run.run;
    image.seq = work.seq;
    image.service = name_of(work.route.service);
    image.collection = collection;
    image.document = *known.find("_id");
    image.name = example_of(known);
    image.direction = work.route.route.direction;
    image.from = work.route.route.from;
    image.to = work.route.route.to;
    if (!work.dropped.contains(collection)) image.open = work.open;
    if (!is_new) image.before = std::move(known);
    image.after = one.after;
    image.consumed = one.consumed;
    image.revived = one.revived;
    out.push_back(std::move(image));
  }
  return out;
}

bool ServiceRunner::write_again(ServiceWork& work, const std::string& collection, const Value& id) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto now = home_.find_one(collection, Document{{"_id", id}});
    if (!now) return true;
    auto one = edit_again(work, collection, *now);
    if (!one || one->only_image) return true;
    if (settings_.undo_log) work.residue.keep(images_of(work, collection, {*one}), !work.run.undoes.empty());
    if (!one->after) {
      if (home_.remove_where(collection, guard_of(*one).decode()) == 1) return true;
      continue;
    }
    work.run.done += hash_of(bson::encode(*one->after));
    work.version.advance(work.run);
    if (home_.replace(collection, {Update(guard_of(*one), bson::encode(*one->after))}) == 1) return true;
  }
  return false;
}

std::optional<ServiceEdit> ServiceRunner::edit_again(ServiceWork& work, const std::string& collection,
                                                     const Document& now) {
  const auto service = name_of(work.route.service);
  const Array ids{*now.find("_id")};
  if (work.dropped.contains(collection)) {
    ServiceEdit all;
    all.before = bson::encode(now);
    return all;
  }
  if (!work.run.undoes.empty()) {
    const auto images = work.residue.images(work.run.undoes, service, collection, ids);
    return images.empty() ? derived(work, collection, bson::encode(now), work.report.left)
                          : taken_back(collection, images.begin()->second, now, work.report.left);
  }
  const auto open =
      work.has_images ? work.residue.open(service, collection, ids) : std::map<std::string, std::vector<Image>>();
  return edit(work, collection, bson::encode(now), open.empty() ? nullptr : &open.begin()->second);
}

}  // namespace fm
