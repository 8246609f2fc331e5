#include "ops/compute.h"

#include <cmath>

#include "base/error.h"
#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// What the server's $toDate makes of an _id.
Value time_of_id(const Document& doc) {
  const Value* id = doc.find("_id");
  if (!id || id->is_null()) return bson::Null{};
  if (const auto* oid = id->as<bson::Oid>()) {
    const auto seconds = static_cast<std::int32_t>(oid->time());  // signed on the server
    return bson::Date{std::int64_t{seconds} * 1000};
  }
  if (const auto* date = id->as<bson::Date>()) return *date;
  if (const auto* ms = id->as<std::int64_t>()) return bson::Date{*ms};
  constexpr double kLatest = 9.2e18;
  if (const auto* ms = id->as<double>(); ms && std::abs(*ms) < kLatest) {
    return bson::Date{static_cast<std::int64_t>(std::trunc(*ms))};
  }
  throw Error(Exit::kFailed, std::string("an _id of type ") + id->type_name() + " holds no time");
}

// As differs(), but without an expression for the types that equal nothing
// else. A query looks into lists; a list is never done.
Document not_this(const bson::Path& path, const Value& value) {
  if (!value.as<bson::Oid>() && !value.as<bson::Date>()) return differs(path, value);
  return {{"$or", Array{Document{{path.top(), Document{{"$ne", value}}}},
                        Document{{path.top(), Document{{"$type", "array"}}}}}}};
}

}  // namespace

Compute Compute::parse(Arguments& arguments) {
  Compute out;
  out.path = arguments.path("path");
  const auto& from = arguments.value("from");
  if (const auto* word = from.as<std::string>()) {
    if (*word == "now") {
      out.source = Source::kNow;
    } else if (*word == "dataset_id") {
      out.source = Source::kDatasetId;
    } else if (*word == "id_time") {
      out.source = Source::kIdTime;
    } else if (*word == "new_id") {
      out.source = Source::kNewId;
    } else {
      arguments.fail("unknown source '" + *word + "'");
    }
  } else {
    out.source = Source::kConcat;
    out.concat = Concat::parse(from, arguments);
  }
  if (const auto when = arguments.optional_text("when")) {
    if (*when == "absent") {
      out.when = When::kAbsent;
    } else if (*when == "absent_or_null") {
      out.when = When::kAbsentOrNull;
    } else {
      arguments.fail("'when' is 'absent' or 'absent_or_null'");
    }
  }
  return out;
}

void Compute::apply(Document& doc, Context& context) const {
  const Value* found = path.find(doc);
  if (found && when == When::kAbsent) return;
  if (found && !found->is_null() && when == When::kAbsentOrNull) return;
  if (!path.parent(doc)) return;
  switch (source) {
    case Source::kNow:
      return put(doc, path, bson::Date{context.now_ms}, context);
    case Source::kDatasetId:
      return put(doc, path, context.dataset_id, context);
    case Source::kIdTime:
      return put(doc, path, time_of_id(doc), context);
    case Source::kNewId:
      return put(doc, path, context.make_id(path.str()), context);
    case Source::kConcat:
      if (auto value = concat.evaluate(doc)) put(doc, path, std::move(*value), context);
      return;
  }
}

std::optional<Lowered> Compute::lower(const Bindings& bindings) const {
  if (!has_server_form(path) || when != When::kAlways) return std::nullopt;
  switch (source) {
    case Source::kNow: {
      const Value now = bson::Date{bindings.now_ms};
      return Lowered{Array{set_stage(path, literal(now))}, not_this(path, now), {path.top()}};
    }
    case Source::kDatasetId:
      return Lowered{
          Array{set_stage(path, literal(bindings.dataset_id))}, not_this(path, bindings.dataset_id), {path.top()}};
    case Source::kIdTime: {
      const Value time = expression("$toDate", "$_id");
      return Lowered{Array{set_stage(path, time)},
                     Document{{"$expr", expression("$ne", Array{field_path(path), time})}},
                     {path.top()}};
    }
    case Source::kNewId:
    case Source::kConcat:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Steps> Compute::inverse() const {
  if (when != When::kAbsent) return std::nullopt;
  Unset back{{path}, std::nullopt, std::nullopt};
  if (source == Source::kConcat) back.restored_from = concat;
  return Steps{Step{std::move(back), {}, {}, 0}};
}

std::string Compute::describe() const {
  std::string what;
  switch (source) {
    case Source::kNow:
      what = "the time of the run";
      break;
    case Source::kDatasetId:
      what = "the dataset's _id";
      break;
    case Source::kIdTime:
      what = "the time in _id";
      break;
    case Source::kNewId:
      what = "a new id";
      break;
    case Source::kConcat:
      what = concat.describe();
      break;
  }
  const char* condition = when == When::kAlways   ? ""
                          : when == When::kAbsent ? " where missing"
                                                  : " where missing or null";
  return "set " + path.str() + " to " + what + condition;
}

std::vector<std::string> Compute::loses() const {
  if (when != When::kAlways || source == Source::kIdTime) return {};
  return {path.str()};
}

}  // namespace fm::ops
