#include "plan/saved.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/hash.h"
#include "bson/json.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr const char* kFormat = "fiftyone-migrator plan 1";
constexpr const char* kPlanAgain = "Nothing was written. Make the plan again: plan --save FILE.";
constexpr std::size_t kMostMoved = 20;

Value or_null(const std::optional<std::string>& text) { return text ? Value(*text) : Value(); }

Document heads_document(const Heads& heads) {
  Array datasets;
  for (const auto& head : heads.datasets) {
    datasets.append(Document{{"id", head.id},
                             {"name", or_null(head.name)},
                             {"named", head.has_name_key},
                             {"version", or_null(head.version)}});
  }
  return {{"edition", heads.edition == Edition::kEnterprise ? "enterprise" : "open source"},
          {"database", or_null(heads.database)},
          {"datasets", std::move(datasets)}};
}

// Reads a file that may hold anything.
class Reader {
 public:
  Reader(const Document& document, const std::string& file) : document_(document), file_(file) {}

  const Value& value(const char* key) const {
    const auto* found = document_.find(key);
    if (!found) wrong(key);
    return *found;
  }
  std::string text(const char* key) const {
    const auto* out = value(key).as<std::string>();
    if (!out) wrong(key);
    return *out;
  }
  std::optional<std::string> text_or_null(const char* key) const {
    if (value(key).is_null()) return std::nullopt;
    return text(key);
  }
  Document document(const char* key) const {
    const auto* out = value(key).as<Document>();
    if (!out) wrong(key);
    return *out;
  }
  Array array(const char* key) const {
    const auto* out = value(key).as<Array>();
    if (!out) wrong(key);
    return *out;
  }
  std::int64_t number(const char* key) const {
    const auto out = value(key).integer();
    if (!out) wrong(key);
    return *out;
  }
  bool flag(const char* key) const {
    const auto* out = value(key).as<bool>();
    if (!out) wrong(key);
    return *out;
  }
  [[noreturn]] void wrong(const std::string& what) const {
    throw Error(Exit::kUsage, fmt::format("'{}' is no plan that can be read: {}", file_, what),
                "plan --save FILE makes one.");
  }

 private:
  const Document& document_;
  const std::string& file_;
};

Heads read_heads(const Document& document, const std::string& file) {
  const Reader in(document, file);
  Heads out;
  out.edition = in.text("edition") == "enterprise" ? Edition::kEnterprise : Edition::kOpenSource;
  out.database = in.text_or_null("database");
  for (const auto& item : in.array("datasets")) {
    const auto* one = item.as<Document>();
    if (!one) in.wrong("datasets");
    const Reader head(*one, file);
    out.datasets.push_back(
        {head.value("id"), head.text_or_null("name"), head.flag("named"), head.text_or_null("version")});
  }
  return out;
}

std::string key_of(const Value& id) {
  const auto bytes = bson::encode(Document{{"", id}});
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string shown(const std::optional<std::string>& version) { return version ? "v" + *version : "no version"; }

std::string shown(const DatasetHead& head) { return "dataset '" + head.name.value_or("None") + "'"; }

const char* shown(Edition edition) { return edition == Edition::kEnterprise ? "Enterprise" : "open source"; }

}  // namespace

std::string catalogue_hash(const Catalogue& catalogue) {
  std::string all = catalogue.client + "\n" + catalogue.compatible.str() + "\n";
  for (const auto* revisions : {&catalogue.database, &catalogue.datasets}) {
    for (const auto& revision : *revisions) all += revision.text + " " + revision.checksum + "\n";
  }
  return sha256_hex(all);
}

std::string saved_plan_json(const SavedPlan& plan) {
  Array names;
  for (const auto& name : plan.names) names.append(name);
  Document out{{"format", kFormat},
               {"tool", plan.tool},
               {"saved", plan.saved_ms},
               {"database", plan.database},
               {"identity", plan.identity},
               {"catalogue", plan.catalogue},
               {"options", plan.options},
               {"target", or_null(plan.target)},
               {"enterprise_target", or_null(plan.enterprise_target)},
               {"names", std::move(names)},
               {"heads", heads_document(plan.heads)},
               {"plan", plan.plan}};
  out.append("sha256", sha256_hex(bson::to_canonical_json(out)));
  return bson::to_canonical_json(out) + "\n";
}

SavedPlan parse_saved_plan(std::string_view json, const std::string& file) {
  Document all;
  try {
    all = bson::from_json(json);
  } catch (const Error& error) {
    Reader(all, file).wrong(error.what());
  }
  const Reader in(all, file);
  const auto* format = all.find("format");
  if (!format || !(*format == Value(kFormat))) in.wrong("it does not say that it is one, or is of another release");
  const auto hash = in.text("sha256");
  auto content = all;
  content.take("sha256");
  if (sha256_hex(bson::to_canonical_json(content)) != hash) {
    throw Error(Exit::kMismatch, fmt::format("'{}' was changed after it was saved", file), kPlanAgain);
  }
  SavedPlan out;
  out.tool = in.text("tool");
  out.saved_ms = in.number("saved");
  out.database = in.text("database");
  out.identity = in.text("identity");
  out.catalogue = in.text("catalogue");
  out.options = in.document("options");
  out.target = in.text_or_null("target");
  out.enterprise_target = in.text_or_null("enterprise_target");
  for (const auto& name : in.array("names")) {
    if (!name.as<std::string>()) in.wrong("names");
    out.names.push_back(*name.as<std::string>());
  }
  out.heads = read_heads(in.document("heads"), file);
  out.plan = in.document("plan");
  return out;
}

void check_origin(const SavedPlan& plan, const std::string& database, const std::string& identity,
                  const Catalogue& catalogue, const std::string& file) {
  if (plan.database != database) {
    throw Error(
        Exit::kMismatch,
        fmt::format("The plan in '{}' is of the database '{}', and this is '{}'", file, plan.database, database),
        "Check FIFTYONE_DATABASE_NAME and the file. Nothing was written.");
  }
  if (plan.identity != identity) {
    throw Error(
        Exit::kMismatch,
        fmt::format("The plan in '{}' is of another database '{}', or this one was restored since", file, database),
        "Check FIFTYONE_DATABASE_URI. If it is the right one, make the plan again: plan --save FILE.");
  }
  if (plan.catalogue != catalogue_hash(catalogue)) {
    throw Error(Exit::kMismatch, fmt::format("The plan in '{}' was made with other revisions, by {}", file, plan.tool),
                kPlanAgain);
  }
}

Heads heads_of(const SavedPlan& plan, const Heads& now, const Catalogue& catalogue, const Request& request) {
  std::vector<std::string> moved;
  if (plan.heads.edition != now.edition) {
    moved.push_back(fmt::format("the database is {}, and was {}", shown(now.edition), shown(plan.heads.edition)));
  }
  const auto planned = make_plan(catalogue, plan.heads, request);
  const bool database_is_there = now.database && *now.database == planned.database_version &&
                                 (!planned.database.empty() || planned.save_database_version);
  if (plan.heads.database != now.database && !database_is_there) {
    moved.push_back(
        fmt::format("the database is at {}, and was at {}", shown(now.database), shown(plan.heads.database)));
  }

  std::unordered_map<std::string, const DatasetHead*> present;
  for (const auto& head : now.datasets) present.emplace(key_of(head.id), &head);
  std::vector<const Route*> routes(plan.heads.datasets.size());
  for (const auto& move : planned.datasets) routes[move.head] = &planned.routes[move.route];
  const auto covered = [&](const DatasetHead& head) {
    return request.names.empty() ||
           (head.name && std::find(request.names.begin(), request.names.end(), *head.name) != request.names.end());
  };

  Heads out = plan.heads;
  out.edition = now.edition;
  out.database = now.database;
  std::unordered_set<std::string> known;
  for (std::size_t i = 0; i < out.datasets.size(); ++i) {
    auto& head = out.datasets[i];
    const auto key = key_of(head.id);
    known.insert(key);
    const auto found = present.find(key);
    if (found == present.end()) {
      if (covered(head)) moved.push_back(shown(head) + " is gone");
      continue;
    }
    const auto& version = found->second->version;
    const bool arrived =
        routes[i] && version == (routes[i]->dataset_keeps_version ? std::optional(routes[i]->to) : std::nullopt);
    if (covered(head) && version != head.version && !arrived) {
      moved.push_back(shown(head) + " is at " + shown(version) + ", and was at " + shown(head.version));
    }
    head.version = version;
  }
  for (const auto& head : now.datasets) {
    if (request.names.empty() && !known.contains(key_of(head.id))) moved.push_back(shown(head) + " is new");
  }
  if (moved.empty()) return out;

  std::string text = "The database has moved since the plan was saved:";
  for (std::size_t i = 0; i < moved.size() && i < kMostMoved; ++i) text += "\n  " + moved[i];
  if (moved.size() > kMostMoved) text += fmt::format("\n  and {} more", moved.size() - kMostMoved);
  throw Error(Exit::kMismatch, text, kPlanAgain);
}

}  // namespace fm
