// Conditions on a document, as written in a revision's `where`.
//
//   where:
//     media_type: video                     equal (a missing key equals nothing)
//     slug: {exists: false}
//     app_config: {null: false}             there, and not null
//     evaluations: {truthy: true}
//     app_config: {type: object}            a name of the server's $type
//     ftype: {in: [A, B]}  {not: A}  {not_in: [A, B]}
//     run_link: {ends_with: ".log"}  {starts_with: "x"}
//     frame_fields: {has: {name: id}}       an array with an object that matches
//     frame_fields: {lacks: {name: id}}     the opposite
//     any: [{...}, {...}]                   one of them holds
//
// Keys are dotted paths; all conditions of one mapping must hold.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"
#include "bson/path.h"

namespace fm::ops {

class Predicate {
 public:
  // Always true.
  Predicate() = default;
  // Throws Error(kUsage) naming the unknown condition.
  static Predicate parse(const bson::Document& where);

  bool matches(const bson::Document& doc) const;
  bool always() const { return terms_.empty(); }

  // The same as a query of the server; nothing for conditions that have none
  // (truthy).
  std::optional<bson::Document> query() const;

  // The top-level keys it looks at.
  std::vector<std::string> reads() const;

  bool operator==(const Predicate&) const = default;

 private:
  enum class Kind {
    kEqual,
    kNot,
    kIn,
    kNotIn,
    kExists,
    kNull,
    kTruthy,
    kType,
    kStartsWith,
    kEndsWith,
    kHas,
    kLacks,
    kAny,
  };
  struct Term {
    Kind kind;
    bson::Path path;
    bson::Value value;
    std::vector<Predicate> nested;
    bool operator==(const Term&) const = default;
  };
  static Term parse_condition(const bson::Path& path, const std::string& name, const bson::Value& value);
  static bool holds(const Term& term, const bson::Document& doc);
  static std::optional<bson::Document> query_of(const Term& term);

  std::vector<Term> terms_;
};

}  // namespace fm::ops
