#include "ops/rename.h"

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Array;
using bson::Document;

Rename Rename::parse(Arguments& arguments) {
  Rename out{arguments.path("from"), arguments.path("to"), arguments.flag("in_place")};
  const auto from = out.from.str() + ".";
  const auto to = out.to.str() + ".";
  if (from.starts_with(to) || to.starts_with(from)) arguments.fail("'from' and 'to' are inside each other");
  const auto parent = [](const bson::Path& path) {
    return path.str().substr(0, path.str().size() - path.leaf().size());
  };
  if (out.in_place && parent(out.from) != parent(out.to)) arguments.fail("'in_place' stays in one document");
  return out;
}

void Rename::apply(Document& doc, Context& context) const {
  auto* parent = to.parent(doc);
  if (!parent) return;
  if (in_place) {
    const auto at = parent->index_of(from.leaf());
    if (at < parent->size() && !parent->has(to.leaf())) (*parent)[at].key = to.leaf();
    return;
  }
  auto value = take(doc, from);
  if (value) put(doc, to, std::move(*value), context);
}

std::optional<Lowered> Rename::lower(const Bindings&) const {
  if (in_place || !has_server_form(from) || !has_server_form(to)) return std::nullopt;
  return Lowered{Array{set_stage(to, expression("$cond", Array{is_missing(from), field_path(to), field_path(from)})),
                       Document{{"$unset", from.top()}}},
                 Document{{from.top(), Document{{"$exists", true}}}},
                 {from.top(), to.top()}};
}

std::optional<Steps> Rename::inverse() const { return Steps{Step{Rename{to, from, in_place}, {}, {}, 0}}; }

std::string Rename::describe() const { return "rename " + from.str() + " to " + to.str(); }

}  // namespace fm::ops
