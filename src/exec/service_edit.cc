#include "exec/service_edit.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.h"

namespace fm {

using bson::Document;
using bson::Value;

// Names and ids of all datasets.
struct ServiceSteps::Datasets {
  explicit Datasets(Mongo& m) : mongo(m) {}

  const std::map<std::string, Value>& ids() {
    read();
    return id_of;
  }
  const std::map<std::string, Value>& names() {
    read();
    return name_of;
  }

 private:
  void read() {
    const std::lock_guard lock(mutex);
    if (is_read) return;
    FindOptions options;
    options.projection = Document{{"name", 1}};
    mongo.find("datasets", {}, options, [&](bson::View view) {
      const auto id = view.get("_id");
      const auto name = view.get("name");
      if (!id || !name || !name->as<std::string>()) return;
      id_of.emplace(*name->as<std::string>(), *id);
      name_of.emplace(id_key(*id), *name);
    });
    is_read = true;
  }

  Mongo& mongo;
  std::mutex mutex;
  bool is_read = false;
  std::map<std::string, Value> id_of;
  std::map<std::string, Value> name_of;
};

ServiceSteps::ServiceSteps(const ServiceRoute& route, const Parameters& parameters, std::int64_t now_ms,
                           const std::string& seed, Mongo& main)
    : route_(&route),
      facts_(RunFacts{now_ms, ops::IdGenerator(now_ms, seed), {}}),
      datasets_(std::make_shared<Datasets>(main)) {
  const auto place_of = [&](const std::string& collection) {
    const auto at = std::ranges::find(collections_, collection);
    if (at != collections_.end()) return static_cast<std::size_t>(at - collections_.begin());
    collections_.push_back(collection);
    steps_.emplace_back();
    return collections_.size() - 1;
  };
  const bool down = route.route.direction == Direction::kDown;
  // Datasets are looked up by the names of the lower version.
  const auto mentions_datasets = [](const Revision* revision) {
    return std::ranges::any_of(revision->down,
                               [](const ops::Step& step) { return step.target.collection == "datasets"; });
  };
  if (down && std::ranges::any_of(route.route.revisions, mentions_datasets)) place_of("datasets");
  for (const auto* revision : route.route.revisions) {
    for (const auto& step : steps_of(*revision, route.route.direction)) {
      const auto& collection = parameters.collection(step.target.collection);
      if (const auto* index = std::get_if<ops::Index>(&step.operation)) {
        std::erase_if(indexes_, [&](const ServiceIndex& other) {
          return other.collection == collection && other.index.name() == index->name();
        });
        indexes_.push_back({collection, *index});
        continue;
      }
      steps_[place_of(collection)].push_back({revision->id, &step});
    }
    if (down) continue;
    // What their ways down took away comes back although no step goes up.
    for (const auto& step : revision->down) {
      const auto& target = step.target.collection;
      if (!std::holds_alternative<ops::Index>(step.operation) && target != "datasets")
        place_of(parameters.collection(target));
    }
  }
  if (!down && std::ranges::any_of(route.route.revisions, mentions_datasets)) place_of("datasets");
}

const std::vector<ServiceSteps::One>* ServiceSteps::steps_of_collection(const std::string& collection) const {
  const auto at = std::ranges::find(collections_, collection);
  return at == collections_.end() ? nullptr : &steps_[static_cast<std::size_t>(at - collections_.begin())];
}

std::optional<ServiceEdit> ServiceSteps::edit(const std::string& collection, bson::Bytes before,
                                              const std::string& after_revision) const {
  const auto* steps = steps_of_collection(collection);
  if (!steps) return std::nullopt;
  ServiceEdit out;
  auto doc = before.decode();
  const auto* id = doc.find("_id");
  ops::Context context(id ? *id : Value(), facts_->now_ms, facts_->ids, nullptr);
  context.service = name_of(route_->service);
  context.down = route_->route.direction == Direction::kDown;
  context.dataset_name = collection;
  const auto look = [](const std::map<std::string, Value>& map, const std::string& key) {
    const auto found = map.find(key);
    return found == map.end() ? std::nullopt : std::optional(found->second);
  };
  context.dataset_of_name = [&](const Value& name) {
    return name.as<std::string>() ? look(datasets_->ids(), *name.as<std::string>()) : std::nullopt;
  };
  context.name_of_dataset = [&](const Value& dataset) { return look(datasets_->names(), id_key(dataset)); };
  bool skipping = !after_revision.empty();
  for (const auto& [revision, step] : *steps) {
    // Steps of one revision stand together, so the first of another ends it.
    if (skipping) {
      const auto& all = route_->route.revisions;
      const auto position = [&](const std::string& wanted) {
        return std::ranges::find(all, wanted, [](const Revision* r) -> const std::string& { return r->id; });
      };
      if (position(revision) <= position(after_revision)) continue;
      skipping = false;
    }
    context.revision = revision;
    if (std::holds_alternative<ops::RemoveDocuments>(step->operation)) {
      if (!step->target.filter.matches(doc)) continue;
      out.removed_by = revision;
      out.removed = std::move(doc);
      out.displaced = std::move(context.displaced);
      out.before = std::move(before);
      return out;
    }
    ops::apply_to_member(*step, doc, context);
  }
  out.messages = std::move(context.messages);
  if (bson::encode(doc) == before && out.messages.empty()) return std::nullopt;
  out.before = std::move(before);
  out.after = std::move(doc);
  out.displaced = std::move(context.displaced);
  return out;
}

}  // namespace fm
