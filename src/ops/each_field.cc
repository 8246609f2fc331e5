#include "ops/each_field.h"

#include "ops/each.h"
#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Document;

EachField EachField::parse(Arguments& arguments) {
  EachField out;
  for (const auto& path : arguments.texts("in")) out.in.emplace_back(path);
  out.recursive = arguments.flag("recursive");
  if (const auto* where = arguments.optional_document("where")) out.where = Predicate::parse(*where);
  out.steps = parse_steps(arguments, "do");
  return out;
}

void EachField::apply(Document& doc, Context& context) const {
  for (const auto& path : in) {
    auto* list = path.find(doc);
    if (!list) continue;
    Context::Scope scope(context, path.str());
    visit(*list, context);
  }
}

void EachField::visit(bson::Value& list, Context& context) const {
  auto* fields = list.as<bson::Array>();
  if (!fields) return;
  for (auto& item : *fields) {
    auto* field = item.as<Document>();
    if (!field) continue;
    const auto* name = field->find("name");
    const auto* text = name ? name->as<std::string>() : nullptr;
    Context::Scope scope(context, text ? std::string_view(*text) : std::string_view("?"));
    if (where.matches(*field)) ops::apply(steps, *field, context);
    if (!recursive) continue;
    if (auto* nested = field->find("fields")) visit(*nested, context);
  }
}

std::optional<Lowered> EachField::lower(const Bindings&) const { return std::nullopt; }

std::optional<Steps> EachField::inverse() const {
  auto back = ops::inverse(steps);
  if (!back || !where.always()) return std::nullopt;
  EachField out;
  out.in = in;
  out.recursive = recursive;
  out.steps = std::move(*back);
  return Steps{Step{std::move(out), {}, {}, 0}};
}

std::string EachField::describe() const {
  return "in each field of " + listed(in) + (recursive ? ", nested ones too: " : ": ") + describe_steps(steps);
}

std::vector<std::string> EachField::loses() const {
  std::vector<std::string> out;
  for (const auto& path : in) {
    for (auto& loss : losses_below(path.str() + "[*]", steps)) out.push_back(std::move(loss));
  }
  return out;
}

}  // namespace fm::ops
