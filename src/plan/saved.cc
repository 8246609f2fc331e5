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

Document services_document(const SavedServices& services) {
  Array heads;
  for (const auto& head : services.heads) {
    heads.append(Document{{"service", name_of(head.service)},
                          {"version", or_null(head.version)},
                          {"guessed", head.guessed},
                          {"present", head.present}});
  }
  return {{"chosen", Array::of(services.chosen)},
          {"target", services.target},
          {"heads", std::move(heads)},
          {"cas_database", services.cas_database},
          {"cas_identity", services.cas_identity}};
}

SavedServices read_services(const Document& document, const std::string& file) {
  const Reader in(document, file);
  SavedServices out;
  for (const auto& name : in.array("chosen")) {
    if (!name.as<std::string>() || !service_named(*name.as<std::string>())) in.wrong("services");
    out.chosen.push_back(*name.as<std::string>());
  }
  out.target = in.text("target");
  for (const auto& item : in.array("heads")) {
    const auto* one = item.as<Document>();
    if (!one) in.wrong("services");
    const Reader head(*one, file);
    const auto service = service_named(head.text("service"));
    if (!service) in.wrong("services");
    ServiceHead read;
    read.service = *service;
    read.version = head.text_or_null("version");
    read.guessed = head.flag("guessed");
    read.present = head.flag("present");
    out.heads.push_back(std::move(read));
  }
  out.cas_database = in.text("cas_database");
  out.cas_identity = in.text("cas_identity");
  return out;
}

std::string shown(const ServiceHead& head) {
  if (!head.present) return "not present";
  return head.version ? "at v" + *head.version : "at a version that is not known";
}

[[noreturn]] void refuse_moved(const std::string& what, const std::vector<std::string>& moved) {
  auto text = what + ":";
  for (std::size_t i = 0; i < moved.size() && i < kMostMoved; ++i) text += "\n  " + moved[i];
  if (moved.size() > kMostMoved) text += fmt::format("\n  and {} more", moved.size() - kMostMoved);
  throw Error(Exit::kMismatch, text, kPlanAgain);
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
  for (const auto service : {Service::kCas, Service::kHub, Service::kEnterprise}) {
    for (const auto& revision : catalogue.of(service)) {
      all += std::string(name_of(service)) + " " + revision.id + " " + revision.checksum + "\n";
    }
  }
  return sha256_hex(all);
}

std::string saved_plan_json(const SavedPlan& plan) {
  Document out{{"format", kFormat},
               {"tool", plan.tool},
               {"saved", plan.saved_ms},
               {"database", plan.database},
               {"identity", plan.identity},
               {"catalogue", plan.catalogue},
               {"options", plan.options},
               {"target", or_null(plan.target)},
               {"enterprise_target", or_null(plan.enterprise_target)},
               {"names", Array::of(plan.names)},
               {"heads", heads_document(plan.heads)}};
  if (plan.services) out.append("services", services_document(*plan.services));
  if (!plan.kept.empty()) {
    Array kept;
    for (const auto& run : plan.kept) kept.append(run);
    out.append("kept", std::move(kept));
  }
  out.append("plan", plan.plan);
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
  if (all.has("services")) out.services = read_services(in.document("services"), file);
  for (const auto& run : all.has("kept") ? in.array("kept") : Array()) {
    if (!run.as<std::string>()) in.wrong("kept");
    out.kept.push_back(*run.as<std::string>());
  }
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
  const auto touched = [](const Plan& of, std::size_t head) {
    return std::ranges::any_of(of.datasets, [&](const DatasetMove& move) { return move.head == head; }) ||
           std::ranges::any_of(of.refused, [&](const Refusal& one) { return one.head == head; });
  };
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
      if (covered(head) && touched(planned, i)) moved.push_back(shown(head) + " is gone");
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
  std::vector<std::size_t> added;
  for (std::size_t i = 0; request.names.empty() && i < now.datasets.size(); ++i) {
    if (!known.contains(key_of(now.datasets[i].id))) added.push_back(i);
  }
  if (!added.empty()) {
    const auto anew = make_plan(catalogue, now, request);
    for (const auto i : added) {
      if (touched(anew, i)) moved.push_back(shown(now.datasets[i]) + " is new");
    }
  }
  if (moved.empty()) return out;

  refuse_moved("The database has moved since the plan was saved", moved);
}

void check_services(const SavedServices& saved, const std::vector<ServiceHead>& now, const std::string& cas_database,
                    const std::string& cas_identity, const std::string& file) {
  if (saved.cas_database != cas_database || saved.cas_identity != cas_identity) {
    throw Error(Exit::kMismatch,
                saved.cas_database == cas_database
                    ? fmt::format("The plan in '{}' is of another database '{}', or this one was restored since", file,
                                  cas_database)
                    : fmt::format("The plan in '{}' is of the CAS database '{}', and this is '{}'", file,
                                  saved.cas_database, cas_database),
                "Check CAS_DATABASE_URI, CAS_DATABASE_NAME and the file. Nothing was written.");
  }
  std::vector<std::string> moved;
  for (const auto& head : now) {
    const auto was = std::ranges::find(saved.heads, head.service, &ServiceHead::service);
    if (was == saved.heads.end()) continue;
    // What this very plan has done is no move.
    const bool arrived = !head.guessed && head.version == saved.target;
    const bool same = head.version == was->version && head.present == was->present;
    if (!same && !arrived) {
      moved.push_back(fmt::format("{} is {}, and was {}", name_of(head.service), shown(head), shown(*was)));
    }
  }
  if (!moved.empty()) refuse_moved("Services have moved since the plan was saved", moved);
}

}  // namespace fm
