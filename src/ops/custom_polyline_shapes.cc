// custom: {function: polyline_shapes, wrap: true | false}
// Before 0.6.2 the points of a polyline were one list of points; since then
// they are a list of such shapes. Edits every top-level Polyline, and the
// elements of every top-level Polylines, by `_cls`.
//
// Each way leaves alone what has its shape already, and what is no points at
// all, so that doing it twice is doing it once:
//   wrap    null, [] and lists that start with a point (a list that starts with
//           no list) become one shape
//   unwrap  lists that start with a shape (a list that starts with a list, which
//           does not start with yet another one): the only shape becomes the
//           points, of several none can be kept ([[]], points are lost); []
//           becomes [[]]
#include "ops/custom.h"
#include "ops/operation.h"
#include "ops/polyline_shapes.h"
#include "ops/server_form.h"

namespace fm::ops {

namespace {

using bson::Array;
using bson::Document;
using bson::Value;

bool wraps(const Document& arguments) { return *arguments.find("wrap")->as<bool>(); }

Value no_shape() {
  Array outer;
  outer.append(Array());
  return outer;
}

// In process.

// The first element of a list, when that is a list.
const Array* first_list(const Array* list) { return list && !list->empty() ? (*list)[0].as<Array>() : nullptr; }

bool starts_with_shape(const Array& list) {
  const auto* point = first_list(first_list(&list));
  return point && !first_list(point);
}

void wrap(Value& points) {
  const auto* list = points.as<Array>();
  const auto* point = first_list(list);
  const bool is_points =
      points.is_null() || (list && list->empty()) || (point && !point->empty() && !(*point)[0].as<Array>());
  if (!is_points) return;
  Array shapes;
  shapes.append(std::move(points));
  points = std::move(shapes);
}

void unwrap(Value& points) {
  auto* list = points.as<Array>();
  if (!list) return;
  if (list->empty()) {
    points = no_shape();
  } else if (starts_with_shape(*list)) {
    points = list->size() == 1 ? list->take(0) : no_shape();
  }
}

const std::string* class_of(const Document& label) {
  const auto* cls = label.find("_cls");
  return cls ? cls->as<std::string>() : nullptr;
}

void edit_polyline(Document& label, bool wrapping, Context& context) {
  auto* points = label.find("points");
  const auto* cls = class_of(label);
  if (!points || !cls || *cls != "Polyline") return;
  Value before = *points;
  wrapping ? wrap(*points) : unwrap(*points);
  if (before == *points) return;
  const bool lossless = wrapping || before.as<Array>()->size() == 1;
  context.displace("points", before, points, "", lossless ? &before : nullptr);
}

void apply(Document& doc, const Document& arguments, Context& context) {
  const bool wrapping = wraps(arguments);
  for (auto& [key, value] : doc) {
    auto* label = value.as<Document>();
    const auto* cls = label ? class_of(*label) : nullptr;
    if (!cls) continue;
    Context::Scope scope(context, key);
    if (*cls == "Polyline") {
      edit_polyline(*label, wrapping, context);
    } else if (*cls == "Polylines") {
      auto* list = label->find("polylines");
      auto* polylines = list ? list->as<Array>() : nullptr;
      if (!polylines) continue;
      for (auto& item : *polylines) {
        if (auto* polyline = item.as<Document>()) edit_polyline(*polyline, wrapping, context);
      }
    }
  }
}

// On the server.

Value let(Document variables, Value in) {
  return expression("$let", Document{{"vars", std::move(variables)}, {"in", std::move(in)}});
}

Value type_is(Value value, const char* type) {
  return expression("$eq", Array{expression("$type", std::move(value)), type});
}

Value first_of(const char* list) {
  return expression("$cond",
                    Array{expression("$isArray", list), expression("$arrayElemAt", Array{list, 0}), "$$REMOVE"});
}

// `then` with $$p bound to points, $$first to its first element, $$second to
// that one's, and $$third to that one's.
Value with_points(Value points, Value then) {
  return let(
      Document{{"p", std::move(points)}},
      let(Document{{"first", first_of("$$p")}}, let(Document{{"second", first_of("$$first")}},
                                                    let(Document{{"third", first_of("$$second")}}, std::move(then)))));
}

Value wrap_pending() {
  const Value starts_with_point = expression(
      "$and",
      Array{type_is("$$first", "array"),
            expression("$not", expression("$in", Array{expression("$type", "$$second"), Array{"missing", "array"}}))});
  const Value no_points = expression("$and", Array{expression("$isArray", "$$p"), type_is("$$first", "missing")});
  return expression("$or", Array{type_is("$$p", "null"), no_points, starts_with_point});
}

Value holds_shapes() {
  return expression("$and", Array{type_is("$$second", "array"), expression("$not", type_is("$$third", "array"))});
}

Value unwrap_pending() {
  const Value no_points = expression("$and", Array{expression("$isArray", "$$p"), type_is("$$first", "missing")});
  return expression("$or", Array{no_points, holds_shapes()});
}

// How many elements $$p has; it is a list where this is asked.
Value single() {
  const Value list = expression("$cond", Array{expression("$isArray", "$$p"), "$$p", Array()});
  return expression("$eq", Array{expression("$size", list), 1});
}

// Points that come out as [[]] although they held shapes.
Value unwrap_loses() { return expression("$and", Array{holds_shapes(), expression("$not", single())}); }

// What one way and back again does not give: edits that lose, and points that
// only the way back edits.
Value unwrap_displaces() {
  const Value exact =
      expression("$and", Array{holds_shapes(), single(), expression("$not", type_is("$$third", "missing"))});
  return expression("$or",
                    Array{expression("$and", Array{unwrap_pending(), expression("$not", exact)}), wrap_pending()});
}

Value wrap_displaces() {
  const Value exact = expression(
      "$and",
      Array{type_is("$$first", "array"),
            expression("$not", expression("$in", Array{expression("$type", "$$second"), Array{"missing", "array"}}))});
  return expression("$or",
                    Array{expression("$and", Array{wrap_pending(), expression("$not", exact)}), unwrap_pending()});
}

Value new_points(bool wrapping) {
  if (wrapping) {
    return expression("$cond", Array{wrap_pending(), Array{"$$p"}, "$$p"});
  }
  return expression(
      "$cond", Array{unwrap_pending(), expression("$cond", Array{single(), "$$first", literal(no_shape())}), "$$p"});
}

Value is_polyline(const std::string& label) {
  return expression("$and", Array{type_is(label, "object"), expression("$eq", Array{label + "._cls", "Polyline"}),
                                  expression("$not", type_is(label + ".points", "missing"))});
}

Value is_polylines(const std::string& label) {
  return expression("$and", Array{type_is(label, "object"), expression("$eq", Array{label + "._cls", "Polylines"}),
                                  expression("$isArray", label + ".polylines")});
}

Value map(Value input, const char* as, Value in) {
  return expression("$map", Document{{"input", std::move(input)}, {"as", as}, {"in", std::move(in)}});
}

Value root_pairs() { return expression("$objectToArray", "$$ROOT"); }

Value edited_polyline(const std::string& label, bool wrapping) {
  const Value points = with_points(label + ".points", new_points(wrapping));
  return expression("$cond", Array{is_polyline(label),
                                   expression("$mergeObjects", Array{label, Document{{"points", points}}}), label});
}

Document edit_stage(bool wrapping) {
  const Value polylines = map("$$field.v.polylines", "item", edited_polyline("$$item", wrapping));
  const Value value =
      expression("$cond", Array{is_polylines("$$field.v"),
                                expression("$mergeObjects", Array{"$$field.v", Document{{"polylines", polylines}}}),
                                edited_polyline("$$field.v", wrapping)});
  const Value pairs = map(root_pairs(), "field", Document{{"k", "$$field.k"}, {"v", value}});
  return {{"$replaceWith", expression("$arrayToObject", pairs)}};
}

// Matches documents with a polyline whose points satisfy the condition.
Document any_points(const Value& condition) {
  const auto holds = [&](const std::string& label) {
    return expression("$and", Array{is_polyline(label), with_points(label + ".points", condition)});
  };
  const Value in_list =
      expression("$anyElementTrue",
                 Array{map(expression("$cond", Array{is_polylines("$$field.v"), "$$field.v.polylines", Array()}),
                           "item", holds("$$item"))});
  const Value in_field = expression("$or", Array{holds("$$field.v"), in_list});
  return {{"$expr", expression("$anyElementTrue", Array{map(root_pairs(), "field", in_field)})}};
}

std::optional<Lowered> lower(const Document& arguments, const Bindings&) {
  const bool wrapping = wraps(arguments);
  // Not every key: what other steps write is no label.
  return Lowered{Array{edit_stage(wrapping)}, any_points(wrapping ? wrap_pending() : unwrap_pending()), {"(labels)"}};
}

}  // namespace

Document polyline_stage(bool wrapping) { return edit_stage(wrapping); }

Document polyline_displaces(bool wrapping) { return any_points(wrapping ? wrap_displaces() : unwrap_displaces()); }

void edit_polylines(Document& doc, bool wrapping, Context& context) {
  apply(doc, Document{{"wrap", wrapping}}, context);
}

const CustomFunction kPolylineShapes{
    .name = "polyline_shapes",
    .description = "give the points of polylines the shape of that age",
    .loses = {"points of polylines with several shapes"},
    .check =
        [](Arguments& arguments) {
          arguments.value("wrap");
          arguments.flag("wrap");
        },
    .apply = apply,
    .lower = lower,
    .loss = [](const Document& arguments) -> std::optional<Document> {
      if (wraps(arguments)) return std::nullopt;
      return any_points(unwrap_loses());
    },
    .opposite =
        [](const Document& arguments) {
          return Document{{"wrap", !wraps(arguments)}};
        },
    .displaced = [](const Document& arguments) -> std::optional<Document> {
      return polyline_displaces(wraps(arguments));
    },
};

}  // namespace fm::ops
