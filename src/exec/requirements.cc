#include "exec/requirements.h"

#include <algorithm>
#include <optional>
#include <set>

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;
using ops::Step;
using ops::Steps;

namespace {

// Users arrange it in the App.
constexpr std::string_view kUsers = "app_config";

bool of_users(const bson::Path& path) { return path.parts().size() > 1 && path.top() == kUsers; }

// Clients leave out what has no value, and datasets without samples have no
// media type: only lists and mappings are always there, empty ones at the top.
bool reads_as_absent(const Value& value, bool nested) {
  const auto* list = value.as<Array>();
  const auto* mapping = value.as<Document>();
  if (!list && !mapping) return true;
  return nested && (list ? list->empty() : mapping->empty());
}

// The fields of frames are listed once there are frames.
Step only_into_used_lists(Step step) {
  const auto* insert = std::get_if<ops::InsertElement>(&step.operation);
  if (insert && step.where.always()) {
    step.where = ops::Predicate::parse(Document{{insert->into.str(), Document{{"truthy", true}}}});
  }
  return step;
}

using Choose = bool (*)(const Step& step, bool nested);

Steps chosen(const Steps& steps, Choose choose, bool nested);

template <class T>
std::optional<Step> chosen_inside(const Step& step, const T& each, Choose choose) {
  if (std::any_of(each.in.begin(), each.in.end(), of_users)) return std::nullopt;
  auto inner = chosen(each.steps, choose, true);
  if (inner.empty()) return std::nullopt;
  Step out = step;
  std::get<T>(out.operation).steps = std::move(inner);
  return out;
}

std::optional<Step> chosen(const Step& step, Choose choose, bool nested) {
  if (const auto* each = std::get_if<ops::Each>(&step.operation)) return chosen_inside(step, *each, choose);
  if (const auto* each = std::get_if<ops::EachField>(&step.operation)) return chosen_inside(step, *each, choose);
  return choose(step, nested) ? std::optional(only_into_used_lists(step)) : std::nullopt;
}

Steps chosen(const Steps& steps, Choose choose, bool nested) {
  Steps out;
  for (const auto& step : steps) {
    if (auto one = chosen(step, choose, nested)) out.push_back(std::move(*one));
  }
  return out;
}

bool required(const Step& step, bool nested) {
  if (const auto* set = std::get_if<ops::SetDefault>(&step.operation)) return !reads_as_absent(set->value, nested);
  if (const auto* compute = std::get_if<ops::Compute>(&step.operation)) {
    // Datasets without frames need no name for their collection.
    const bool own_name = !nested && compute->source == ops::Compute::Source::kConcat;
    return compute->when != ops::Compute::When::kAlways && !own_name;
  }
  if (const auto* map = std::get_if<ops::MapValue>(&step.operation)) return map->when_absent;
  if (const auto* remove = std::get_if<ops::RemoveElement>(&step.operation)) return !of_users(remove->from);
  return std::holds_alternative<ops::Unset>(step.operation) || std::holds_alternative<ops::Rename>(step.operation) ||
         std::holds_alternative<ops::InsertElement>(step.operation) ||
         std::holds_alternative<ops::Extract>(step.operation) || std::holds_alternative<ops::Custom>(step.operation);
}

// Elements of lists are not asked for: users may have had a field of that name.
bool takes_away(const Step& step, bool) {
  return std::holds_alternative<ops::Unset>(step.operation) || std::holds_alternative<ops::Rename>(step.operation) ||
         std::holds_alternative<ops::Inline>(step.operation) ||
         std::holds_alternative<ops::DropReferences>(step.operation);
}

bool on_document(const Step& step) { return step.target.kind == ops::Target::Kind::kDocument; }

}  // namespace

std::vector<Requirement> requirements(const Catalogue& catalogue) {
  std::vector<Requirement> out;
  for (const auto& revision : catalogue.datasets) {
    Requirement one{&revision, {}, {}, {}};
    Steps document;
    for (const auto& step : revision.up) {
      if (on_document(step)) {
        document.push_back(step);
      } else if (step.target.kind != ops::Target::Kind::kDatabase) {
        one.collection.push_back(step);
      }
    }
    one.document = chosen(document, required, false);
    Steps down;
    std::copy_if(revision.down.begin(), revision.down.end(), std::back_inserter(down), on_document);
    one.newer = chosen(down, takes_away, false);
    out.push_back(std::move(one));
  }
  return out;
}

Document before_collection_steps(const Requirement& requirement, const Document& dataset) {
  std::set<std::string> keys = {"sample_collection_name", "frame_collection_name"};
  for (const auto& step : requirement.collection) {
    for (auto& key : step.where.reads()) keys.insert(std::move(key));
  }
  Document out;
  for (const auto& key : keys) {
    if (const auto* value = dataset.find(key)) out.append(key, *value);
  }
  for (const auto& step : requirement.document) {
    const auto* insert = std::get_if<ops::InsertElement>(&step.operation);
    auto* value = insert ? insert->into.find(out) : nullptr;
    auto* list = value ? value->as<Array>() : nullptr;
    if (!list) continue;
    for (auto at = ops::last_named(*list, insert->name); at < list->size(); at = ops::last_named(*list, insert->name)) {
      list->take(at);
    }
  }
  return out;
}

}  // namespace fm
