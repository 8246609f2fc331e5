#include "ops/each.h"

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Document;

Each Each::parse(Arguments& arguments) {
  Each out;
  for (const auto& path : arguments.texts("in")) out.in.emplace_back(path);
  if (const auto* where = arguments.optional_document("where")) out.where = Predicate::parse(*where);
  out.steps = parse_steps(arguments, "do");
  return out;
}

void Each::apply(Document& doc, Context& context) const {
  const auto visit = [&](Document& element, std::string_view key) {
    if (!where.matches(element)) return;
    Context::Scope scope(context, key);
    ops::apply(steps, element, context);
  };
  for (const auto& path : in) {
    auto* container = path.find(doc);
    if (!container) continue;
    Context::Scope scope(context, path.str());
    if (auto* mapping = container->as<Document>()) {
      for (auto& [key, value] : *mapping) {
        auto* element = value.as<Document>();
        if (!element) continue;
        context.element_key = key;
        visit(*element, key);
      }
    } else if (auto* list = container->as<bson::Array>()) {
      for (auto& value : *list) {
        auto* element = value.as<Document>();
        if (!element) continue;
        const auto* name = element->find("name");
        const auto* text = name ? name->as<std::string>() : nullptr;
        visit(*element, text ? *text : std::string("?"));
      }
    }
  }
}

std::optional<Lowered> Each::lower(const Bindings&) const { return std::nullopt; }

std::optional<Steps> Each::inverse() const {
  auto back = ops::inverse(steps);
  if (!back || !where.always()) return std::nullopt;
  return Steps{Step{Each{in, {}, std::move(*back)}, {}, {}, 0}};
}

std::string Each::describe() const { return "in each of " + listed(in) + ": " + describe_steps(steps); }

std::vector<std::string> Each::loses() const {
  std::vector<std::string> out;
  for (const auto& path : in) {
    for (auto& loss : losses_below(path.str() + ".*", steps)) out.push_back(std::move(loss));
  }
  return out;
}

Steps parse_steps(Arguments& arguments, const char* name) {
  arguments.value(name);
  const auto* list = arguments.optional_array(name);
  Steps out;
  for (const auto& item : *list) {
    const auto* step = item.as<Document>();
    if (!step) arguments.fail(std::string("'") + name + "' must be a list of steps");
    out.push_back(parse_step(*step, 0));
    if (!(out.back().target == Target{}))
      arguments.fail("steps of '" + std::string(name) + "' have no 'over' or 'filter'");
  }
  if (out.empty()) arguments.fail(std::string("'") + name + "' is empty");
  return out;
}

std::string describe_steps(const Steps& steps) {
  std::string out;
  for (const auto& step : steps) {
    if (!out.empty()) out += "; ";
    out += describe(step);
  }
  return out;
}

std::vector<std::string> losses_below(const std::string& prefix, const Steps& steps) {
  std::vector<std::string> out;
  for (const auto& step : steps) {
    for (const auto& loss : loses(step)) out.push_back(prefix + "." + loss);
  }
  return out;
}

}  // namespace fm::ops
