#include "exec/ranges.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <string>

#include "base/error.h"
#include "base/pool.h"
#include "bson/path.h"
#include "ops/server_form.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;
using ops::expression;
using ops::literal;
using ops::Pass;

namespace {

constexpr int kRescans = 3;
// A join touches many documents of another collection for each of its own.
constexpr std::int64_t kJoinShare = 50;
// Of one collection; every dataset that is worked on has its own.
constexpr std::size_t kMostAtOnce = 4;

void both(Document& filter, const Document& more) {
  if (more.empty()) return;
  if (filter.empty()) {
    filter = more;
  } else {
    filter = Document{{"$and", Array{filter, more}}};
  }
}

// [from, to) of _id in the order of the index, over all BSON types: ordinary
// comparisons of a query would stop at the first type. Between two ObjectIds
// there is no other type, and the index answers those without a look at the
// document.
Document range_filter(const std::optional<Value>& from, const std::optional<Value>& to) {
  if (from && to && from->as<bson::Oid>() && to->as<bson::Oid>()) {
    return {{"_id", Document{{"$gte", *from}, {"$lt", *to}}}};
  }
  Array bounds;
  if (from) bounds.append(expression("$gte", Array{"$_id", literal(*from)}));
  if (to) bounds.append(expression("$lt", Array{"$_id", literal(*to)}));
  if (bounds.empty()) return {};
  return {{"$expr", expression("$and", std::move(bounds))}};
}

// The _id `skip` documents behind `from`, or nothing at the end. With a filter
// its documents are counted, by whatever index there is.
std::optional<Value> border(Mongo& mongo, const std::string& collection, Document filter,
                            const std::optional<Value>& from, std::int64_t skip) {
  FindOptions options;
  options.projection = Document{{"_id", 1}};
  options.sort = Document{{"_id", 1}};
  options.skip = skip;
  if (filter.empty()) {
    options.hint = Document{{"_id", 1}};
    if (from) options.min = Document{{"_id", *from}};
  } else {
    both(filter, range_filter(from, std::nullopt));
  }
  const auto found = mongo.find_one(collection, filter, options);
  return found ? std::optional<Value>(*found->find("_id")) : std::nullopt;
}

// How many documents were written; nothing where the server does not tell.
std::optional<std::int64_t> run_range(Mongo& mongo, const Pass& pass, const Document& range) {
  Document filter = wanted_by(pass);
  both(filter, range);
  if (!pass.merge) {
    const bool along_id = !range.empty() && pass.filter.empty();
    return mongo.update_many(pass.collection, filter, pass.pipeline, along_id).modified;
  }
  Array pipeline;
  pipeline.append(Document{{"$match", std::move(filter)}});
  for (const auto& stage : pass.pipeline) pipeline.append(stage);
  mongo.aggregate_merge(pass.collection, pipeline);
  return std::nullopt;
}

// How a collection is walked over. `at_once` ranges are worked on at the same
// time, while the borders of the next ones are looked up.
struct Walk {
  const std::string& collection;
  const Document& filter;
  std::int64_t size;
  std::size_t at_once;
};

void walk(Mongo& mongo, const Walk& over, const std::optional<PassCursor>& start,
          const std::function<void(const Document&)>& run, const PassProgress& progress,
          const std::function<void(const PassCursor&)>& at_border) {
  const auto total = mongo.estimated_count(over.collection);
  if (!start && total <= over.size) {
    run({});
    progress(over.collection, total, total);
    return;
  }
  using Border = std::optional<Value>;
  std::vector<Border> borders{start ? Border(start->from) : std::nullopt};
  const auto look_ahead = [&](Border from) {
    std::vector<Border> out{std::move(from)};
    do {
      out.push_back(border(mongo, over.collection, over.filter, out.back(), over.size));
    } while (out.back() && out.size() <= over.at_once);
    return out;
  };
  borders = look_ahead(borders.front());
  for (std::int64_t done = start ? start->done : 0;;) {
    const auto ranges = borders.size() - 1;
    const bool last = !borders.back();
    std::vector<Border> next;
    parallel_for(ranges + (last ? 0 : 1), ranges + (last ? 0 : 1), [&](std::size_t i, std::size_t) {
      if (i == ranges) {
        next = look_ahead(borders.back());
      } else {
        run(range_filter(borders[i], borders[i + 1]));
      }
    });
    done += over.size * static_cast<std::int64_t>(ranges);
    progress(over.collection, last ? total : std::min(done, total), std::max(total, done));
    if (last) return;
    at_border({*borders.back(), done});
    borders = std::move(next);
  }
}

std::size_t at_once(const PassSettings& settings) { return std::clamp<std::size_t>(settings.at_once, 1, kMostAtOnce); }

void walk(Mongo& mongo, const Pass& pass, const PassSettings& settings, const std::optional<PassCursor>& start,
          const std::function<void(const PassCursor&)>& keep) {
  auto* control = settings.control;
  const auto piece = control ? control->piece(settings.range_size) : settings.range_size;
  // Joins may write to the same documents, and a slower pace is one by one.
  const bool alone = pass.merge || piece < settings.range_size;
  std::atomic<std::int64_t> written = 0;
  walk(
      mongo,
      {pass.collection, pass.filter, pass.merge ? std::max<std::int64_t>(1, piece / kJoinShare) : piece,
       alone ? 1 : at_once(settings)},
      start, [&](const Document& range) { written += run_range(mongo, pass, range).value_or(piece); },
      settings.progress,
      [&](const PassCursor& cursor) {
        if (keep) keep(cursor);
        if (!control) return;
        control->wrote(written.exchange(0));
        control->checkpoint();
      });
  if (control) control->wrote(written);
}

// What one does must not make work for the other, because pending documents go
// through both: so they have no key in common, and no filter that an earlier
// stage may change.
bool can_run_as_one(const Pass& a, const Pass& b) {
  const auto plain = [](const Pass& pass) {
    return !pass.merge && !pass.whole && pass.drop_unique_indexes_on.empty() && pass.filter.empty();
  };
  const auto shared = [&](const std::string& key) { return b.keys.contains(key); };
  return plain(a) && plain(b) && std::none_of(a.keys.begin(), a.keys.end(), shared);
}

// Alternatives that name no expression come first: the server tries them in order.
Document either(const Document& a, const Document& b) {
  Array plain;
  Array costly;
  for (const auto* part : {&a, &b}) {
    const auto* joined = part->size() == 1 ? part->find("$or") : nullptr;
    Array alternatives;
    if (joined && joined->as<Array>()) {
      alternatives = *joined->as<Array>();
    } else {
      alternatives.append(*part);
    }
    for (const auto& alternative : alternatives) {
      (alternative.as<Document>()->has("$expr") ? costly : plain).append(alternative);
    }
  }
  for (const auto& alternative : costly) plain.append(alternative);
  return {{"$or", std::move(plain)}};
}

}  // namespace

void for_each_range(Mongo& mongo, const std::string& collection, const PassSettings& settings,
                    const std::function<void(const Document& range)>& run) {
  walk(mongo, {collection, {}, settings.range_size, at_once(settings)}, {}, run, settings.progress,
       [&](const PassCursor&) {
         if (settings.control) settings.control->checkpoint();
       });
}

Document wanted_by(const Pass& pass) {
  Document filter = pass.filter;
  both(filter, pass.pending);
  return filter;
}

std::vector<Pass> fuse(std::vector<Pass> passes) {
  std::vector<Pass> out;
  for (auto& pass : passes) {
    auto target = out.rend();
    for (auto it = out.rbegin(); it != out.rend() && !it->merge; ++it) {
      if (it->collection != pass.collection) continue;
      if (can_run_as_one(*it, pass)) target = it;
      break;
    }
    if (target == out.rend()) {
      out.push_back(std::move(pass));
      continue;
    }
    for (auto& stage : pass.pipeline) target->pipeline.append(std::move(stage));
    target->pending = either(target->pending, pass.pending);
    target->keys.merge(pass.keys);
    target->needs_id_time |= pass.needs_id_time;
    if (pass.loss) target->loss = target->loss ? either(*target->loss, *pass.loss) : std::move(*pass.loss);
  }
  return out;
}

void run_pass(Mongo& mongo, const Pass& pass, const PassSettings& settings, const std::optional<PassCursor>& start,
              const std::function<void(const PassCursor&)>& keep) {
  if (settings.control) settings.control->checkpoint();
  if (!pass.drop_unique_indexes_on.empty()) mongo.drop_unique_indexes(pass.collection, pass.drop_unique_indexes_on);
  if (pass.whole) {
    if (pass.merge) {
      mongo.aggregate_merge(pass.collection, pass.pipeline);
    } else {
      mongo.update_many(pass.collection, wanted_by(pass), pass.pipeline, false);
    }
    return;
  }
  walk(mongo, pass, settings, start, keep);
  if (!pass.rescan) return;
  for (int i = 0; i < kRescans; ++i) {
    FindOptions options;
    options.projection = Document{{"_id", 1}};
    if (!mongo.find_one(pass.collection, wanted_by(pass), options)) return;
    run_range(mongo, pass, {});
  }
  throw Error(Exit::kFailed, "documents of '" + pass.collection + "' keep changing while they are migrated",
              "Stop the clients that write to this dataset and run the same command again.");
}

std::optional<Document> without_time(Mongo& mongo, const std::string& collection) {
  static const std::set<std::string> kWithTime = {"objectId", "date", "long", "double", "decimal"};
  // All between two ends of one type are of that type, except for numbers.
  static const std::set<std::string> kApart = {"objectId", "date"};
  std::set<std::string> ends;
  for (const int order : {1, -1}) {
    FindOptions options;
    options.projection = Document{{"_id", 1}};
    options.sort = Document{{"_id", order}};
    const auto end = mongo.find_one(collection, {}, options);
    if (!end) return std::nullopt;
    ends.insert(end->find("_id")->type_name());
  }
  if (ends.size() == 1 && kApart.contains(*ends.begin())) return std::nullopt;
  FindOptions options;
  options.projection = Document{{"_id", 1}};
  return mongo.find_one(collection, Document{{"_id", Document{{"$not", Document{{"$type", Array::of(kWithTime)}}}}}},
                        options);
}

std::string written_by(const Pass& pass) {
  const auto* last =
      pass.merge && !pass.pipeline.empty() ? pass.pipeline[pass.pipeline.size() - 1].as<Document>() : nullptr;
  const auto* into = last ? bson::Path("$merge.into").find(*last) : nullptr;
  return into && into->as<std::string>() ? *into->as<std::string>() : pass.collection;
}

Mongo::Size measure_pending(Mongo& mongo, const Pass& pass) {
  const auto into = written_by(pass);
  if (pass.whole || into != pass.collection) return mongo.estimated_size(into);
  return mongo.size_of(pass.collection, wanted_by(pass));
}

}  // namespace fm
