#include "ops/operation.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "base/error.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Document;
using bson::Value;

namespace {

constexpr std::string_view kClips = "clips.";

const std::string* text_at(const Document& doc, std::string_view key) {
  const auto* value = doc.find(key);
  const auto* text = value ? value->as<std::string>() : nullptr;
  return text && !text->empty() ? text : nullptr;
}

// Nothing when the dataset has no such collection, or does not own it: a clips
// dataset shares the frames of its source.
std::optional<CollectionWork> concrete(const Step& step, const Document& dataset, const Context& context) {
  CollectionWork work{&step, context.revision, {}, {}, {}, false};
  const auto* samples = text_at(dataset, "sample_collection_name");
  const bool shares_frames = samples && samples->starts_with(kClips);
  switch (step.target.kind) {
    case Target::Kind::kSamples:
      if (!samples) return std::nullopt;
      work.collection = *samples;
      work.frames = shares_frames ? "" : "frames." + *samples;
      break;
    case Target::Kind::kFrames: {
      const auto* frames = text_at(dataset, "frame_collection_name");
      if (!frames || shares_frames) return std::nullopt;
      work.collection = *frames;
      break;
    }
    case Target::Kind::kSampleFrames:
      if (!samples || shares_frames) return std::nullopt;
      work.collection = "frames." + *samples;
      break;
    case Target::Kind::kOwned:
      work.collection = step.target.collection;
      work.filter = Document{{step.target.owner_key, context.dataset_id}};
      work.owner_filter = true;
      break;
    case Target::Kind::kDocument:
    case Target::Kind::kDatabase:
    case Target::Kind::kService:
      return std::nullopt;
  }
  return work;
}

Document both(Document a, Document b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return Document{{"$and", bson::Array{std::move(a), std::move(b)}}};
}

template <std::size_t I = 0>
std::optional<Operation> parse_operation(const std::string& name, Arguments& arguments) {
  if constexpr (I < std::variant_size_v<Operation>) {
    using T = std::variant_alternative_t<I, Operation>;
    if (name == T::kName) return T::parse(arguments);
    return parse_operation<I + 1>(name, arguments);
  }
  return std::nullopt;
}

template <std::size_t... I>
std::vector<std::string> names_of(std::index_sequence<I...>) {
  return {std::variant_alternative_t<I, Operation>::kName...};
}

Target parse_target(const Value& over) {
  Target target;
  if (const auto* word = over.as<std::string>()) {
    static const std::array<std::pair<const char*, Target::Kind>, 4> kWords = {{
        {"samples", Target::Kind::kSamples},
        {"frames", Target::Kind::kFrames},
        {"sample_frames", Target::Kind::kSampleFrames},
        {"database", Target::Kind::kDatabase},
    }};
    for (const auto& [text, kind] : kWords) {
      if (*word == text) {
        target.kind = kind;
        return target;
      }
    }
    if (word->find('.') != std::string::npos) {
      target.kind = Target::Kind::kService;
      target.collection = *word;
      return target;
    }
    throw Error(Exit::kUsage, "'over' names the unknown target '" + *word + "'");
  }
  const auto* doc = over.as<Document>();
  const auto* collection = doc ? text_at(*doc, "collection") : nullptr;
  const auto* owner = doc ? text_at(*doc, "owner") : nullptr;
  if (!collection || doc->size() != (owner ? 2U : 1U)) {
    throw Error(Exit::kUsage,
                "'over' is a target's name, {collection: NAME, owner: KEY} or, for services, "
                "SERVICE.NAME or {collection: NAME}");
  }
  if (!owner) {
    target.kind = Target::Kind::kService;
    target.collection = *collection;
    return target;
  }
  target.kind = Target::Kind::kOwned;
  target.collection = *collection;
  target.owner_key = *owner;
  return target;
}

bool over_collection(const Target& target) {
  return target.kind != Target::Kind::kDocument && target.kind != Target::Kind::kDatabase;
}

void check_server_form(const Step& step) {
  // Documents of services are edited in process.
  if (!over_collection(step.target) || step.target.kind == Target::Kind::kService) return;
  const bool lowers = std::visit([](const auto& op) { return op.lower(Bindings{}).has_value(); }, step.operation);
  if (!joins(step) && !lowers) {
    throw Error(Exit::kUsage, name(step) + " cannot run over a collection: it has no server-side form");
  }
  if (!step.target.filter.query()) {
    throw Error(Exit::kUsage, name(step) + ": 'filter' has a condition without a server-side form");
  }
}

}  // namespace

void apply(const Step& step, Document& dataset, Context& context) {
  if (step.target.kind == Target::Kind::kDatabase || !step.where.matches(dataset)) return;
  if (!over_collection(step.target)) {
    std::visit([&](const auto& op) { op.apply(dataset, context); }, step.operation);
    return;
  }
  if (auto work = concrete(step, dataset, context)) context.work.push_back(std::move(*work));
}

void apply(const Steps& steps, Document& dataset, Context& context) {
  for (const auto& step : steps) apply(step, dataset, context);
}

void apply_to_member(const Step& step, Document& member, Context& context) {
  if (!step.target.filter.matches(member)) return;
  std::visit([&](const auto& op) { op.apply(member, context); }, step.operation);
}

bool pending(const Step& step, const Document& member, Context& context) {
  Document copy = member;
  apply_to_member(step, copy, context);
  return !(copy == member);
}

bool joins(const Step& step) {
  const auto* custom = std::get_if<Custom>(&step.operation);
  return custom && custom->function->join;
}

std::vector<Pass> lower(const CollectionWork& work, const Context& context) {
  const Step& step = *work.step;
  const auto* custom = std::get_if<Custom>(&step.operation);
  if (joins(step)) return custom->function->join(work, custom->arguments);
  const Bindings bindings{context.dataset_id, context.now_ms};
  auto lowered = std::visit([&](const auto& op) { return op.lower(bindings); }, step.operation);
  auto filter = step.target.filter.query();
  if (!lowered || !filter) {
    throw Error(Exit::kFailed, name(step) + " of " + work.revision + " has no server-side form");
  }
  const auto* compute = std::get_if<Compute>(&step.operation);
  Pass pass;
  pass.needs_id_time = compute && compute->source == Compute::Source::kIdTime;
  pass.collection = work.collection;
  pass.filter = both(work.filter, std::move(*filter));
  pass.pending = std::move(lowered->pending);
  pass.pipeline = std::move(lowered->pipeline);
  pass.keys = std::move(lowered->keys);
  if (custom && custom->function->loss) pass.loss = custom->function->loss(custom->arguments);
  return {std::move(pass)};
}

std::optional<Steps> inverse(const Steps& steps) {
  Steps out;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    auto back = std::visit([](const auto& op) { return op.inverse(); }, step->operation);
    if (!back) return std::nullopt;
    if (back->empty()) continue;
    if (!step->where.always() || !step->target.filter.always()) return std::nullopt;
    for (auto& reversed : *back) {
      reversed.target = step->target;
      reversed.line = step->line;
      out.push_back(std::move(reversed));
    }
  }
  return out;
}

std::string name(const Step& step) {
  return std::visit([](const auto& op) { return std::string(std::decay_t<decltype(op)>::kName); }, step.operation);
}

bool is_guard(const Step& step) {
  if (std::holds_alternative<Guard>(step.operation)) return true;
  const auto any = [](const Steps& steps) { return std::any_of(steps.begin(), steps.end(), is_guard); };
  if (const auto* each = std::get_if<Each>(&step.operation)) return any(each->steps);
  if (const auto* each = std::get_if<EachField>(&step.operation)) return any(each->steps);
  return false;
}

bool has_references(const Steps& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const Step& step) {
    const auto* custom = std::get_if<Custom>(&step.operation);
    return std::holds_alternative<Inline>(step.operation) || std::holds_alternative<DropReferences>(step.operation) ||
           (custom && custom->function->references);
  });
}

void references(const Steps& steps, const Document& dataset, std::vector<std::pair<std::string, Value>>& out) {
  std::vector<Value> ids;
  const auto add = [&](const std::string& collection) {
    for (auto& id : ids) out.emplace_back(collection, std::move(id));
    ids.clear();
  };
  for (const auto& step : steps) {
    if (const auto* op = std::get_if<Inline>(&step.operation)) {
      op->references(dataset, ids);
      add(op->collection);
    } else if (const auto* drop = std::get_if<DropReferences>(&step.operation)) {
      drop->references(dataset, ids);
      add(drop->collection);
    } else if (const auto* custom = std::get_if<Custom>(&step.operation)) {
      if (custom->function->references) custom->function->references(dataset, custom->arguments, out);
    }
  }
}

const char* results_key(const Steps& steps, const Document& run) {
  for (const auto& step : steps) {
    const auto* custom = std::get_if<Custom>(&step.operation);
    if (!custom || !custom->function->results_key) continue;
    if (const auto* key = custom->function->results_key(run, custom->arguments)) return key;
  }
  return nullptr;
}

std::string describe(const Step& step) {
  std::string text = std::visit([](const auto& op) { return op.describe(); }, step.operation);
  switch (step.target.kind) {
    case Target::Kind::kSamples:
      return "samples: " + text;
    case Target::Kind::kFrames:
    case Target::Kind::kSampleFrames:
      return "frames: " + text;
    case Target::Kind::kOwned:
    case Target::Kind::kService:
      return step.target.collection + ": " + text;
    case Target::Kind::kDocument:
    case Target::Kind::kDatabase:
      break;
  }
  return text;
}

std::vector<std::string> loses(const Step& step) {
  return std::visit([](const auto& op) { return op.loses(); }, step.operation);
}

Step parse_step(const Document& step, int line) {
  Step out{Unset{}, {}, {}, line};
  bool found = false;
  for (const auto& [key, value] : step) {
    const auto* mapping = value.as<Document>();
    if (key == "where" || key == "filter") {
      if (!mapping) throw Error(Exit::kUsage, "'" + key + "' must be a mapping");
      (key == "where" ? out.where : out.target.filter) = Predicate::parse(*mapping);
    } else if (key == "over") {
      auto filter = std::move(out.target.filter);
      out.target = parse_target(value);
      out.target.filter = std::move(filter);
    } else {
      if (found) throw Error(Exit::kUsage, "a step has one operation; found '" + key + "' as well");
      if (!mapping) throw Error(Exit::kUsage, "'" + key + "' needs a mapping of arguments");
      Arguments arguments(key, *mapping);
      auto operation = parse_operation(key, arguments);
      if (!operation) throw Error(Exit::kUsage, "unknown operation '" + key + "'");
      arguments.finish();
      out.operation = std::move(*operation);
      found = true;
    }
  }
  if (!found) throw Error(Exit::kUsage, "a step without an operation");
  check_server_form(out);
  return out;
}

std::vector<std::string> operation_names() {
  return names_of(std::make_index_sequence<std::variant_size_v<Operation>>{});
}

}  // namespace fm::ops
