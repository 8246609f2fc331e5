#include "exec/service_versions.h"

#include <algorithm>
#include <chrono>

#include "bson/read.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::optional<std::string> text_of(const Document& doc, const char* key) {
  const auto* value = doc.find(key);
  const auto* text = value ? value->as<std::string>() : nullptr;
  return text ? std::optional(*text) : std::nullopt;
}

// Whether the database has a collection that tells of the service.
bool has_traces(Mongo& mongo, Service service, const Parameters& parameters) {
  const auto there = mongo.collection_names();
  const auto known = parameters.of(service);
  return std::any_of(known.begin(), known.end(), [&](const auto& one) { return there.contains(one.second); });
}

constexpr const char* kGuess = "guess";

Array list_of(const Parameters& parameters) {
  Array out;
  for (const auto& name : Parameters::names()) {
    out.append(Document{{"parameter", name}, {"collection", parameters.collection(name)}});
  }
  return out;
}

Array list_of(const std::vector<std::pair<std::string, std::string>>& revisions) {
  Array out;
  for (const auto& [id, checksum] : revisions) out.append(Document{{"id", id}, {"checksum", checksum}});
  return out;
}

bool is_true(const Document& doc, const char* key) {
  const auto* value = doc.find(key);
  return value && value->truthy();
}

}  // namespace

std::optional<std::string> version_for_guesses(Mongo& main, const std::optional<std::string>& config_version) {
  const auto kept = main.find_one(kServiceVersions, Document{{"_id", kGuess}});
  const auto* left = kept ? kept->find("left") : nullptr;
  const auto* ours = left ? left->as<Array>() : nullptr;
  const bool by_us = ours && config_version && std::ranges::find(*ours, Value(*config_version)) != ours->end();
  // Wherever others have taken the database, they have taken the services, too.
  return by_us ? text_of(*kept, "found") : config_version;
}

void keep_version_for_guesses(Mongo& main, const std::optional<std::string>& config_version, const std::string& to) {
  const auto found = version_for_guesses(main, config_version);
  const Value stored = found ? Value(*found) : Value();
  const Document same{{"_id", kGuess}, {"found", stored}};
  if (main.update(kServiceVersions, {{same, Document{{"$addToSet", Document{{"left", to}}}}}}) > 0) return;
  main.upsert(kServiceVersions,
              {Document{{"_id", kGuess}}, Document{{"_id", kGuess}, {"found", stored}, {"left", Array{to}}}});
}

ServiceHead read_service_head(Mongo& mongo, Service service, const std::optional<std::string>& config_version,
                              const VersionMap& versions, const Parameters& parameters) {
  ServiceHead out;
  out.service = service;
  if (const auto doc = mongo.find_one(kServiceVersions, Document{{"_id", name_of(service)}})) {
    out.version = text_of(*doc, "version");
    out.present = out.version.has_value();
    out.failed = bson::text_at(*doc, "state") == "failed";
    if (doc->has("run")) {
      out.unfinished_to = bson::text_at(*doc, "run.to");
      out.present = true;
    }
    // Data that were left behind can be taken up again.
    if (!out.present && has_traces(mongo, service, parameters)) out.version = text_of(*doc, "left_at");
    return out;
  }
  out.guessed = true;
  if (service == Service::kCas) {
    out.present = has_traces(mongo, service, parameters);
    return out;
  }
  if (config_version && Version::try_parse(*config_version)) {
    if (const auto* pair = versions.newest_for_open_source(*config_version)) {
      out.version = VersionMap::deployment_number(pair->enterprise).str();
    }
  }
  return out;
}

Document ServiceVersion::document() { return read().value_or(Document()); }

std::string ServiceVersion::stands_at(const Document& document) {
  const auto version = text_of(document, "version");
  return version ? *version : bson::text_at(document, "left_at");
}

std::optional<Document> ServiceVersion::read() {
  return mongo_.find_one(kServiceVersions, Document{{"_id", name_of(service_)}});
}

void ServiceVersion::set(Document fields, Document unset) {
  fields.append("updated_at", bson::Date{wall_clock_ms()});
  Document update{{"$set", fields}};
  if (!unset.empty()) update.append("$unset", std::move(unset));
  Document whole{{"_id", name_of(service_)}};
  if (mongo_.update(kServiceVersions, {{whole, update}}) > 0) return;
  // Whole at once: one without a version would say that the service is not there.
  for (auto& [key, value] : fields) whole.append(key, value);
  mongo_.insert(kServiceVersions, {whole});
}

std::optional<ServiceRun> ServiceVersion::unfinished() {
  const auto doc = read();
  const auto* value = doc ? doc->find("run") : nullptr;
  const auto* run = value ? value->as<Document>() : nullptr;
  if (!run) return std::nullopt;
  ServiceRun out;
  out.run = bson::text_at(*run, "run");
  out.undoes = bson::text_at(*run, "undoes");
  out.to = bson::text_at(*run, "to");
  out.now_ms = bson::date_at(*run, "now").value_or(0);
  if (const auto* seed = run->find("seed"); seed && seed->as<bson::Binary>()) out.seed = seed->as<bson::Binary>()->data;
  if (run->has("undo_log")) out.undo_log = is_true(*run, "undo_log");
  out.allow_drop = is_true(*run, "allow_drop");
  if (run->has("parameters")) out.parameters.emplace();
  for (const auto* one : bson::documents_at(*run, "parameters")) {
    out.parameters->set(bson::text_at(*one, "parameter"), bson::text_at(*one, "collection"));
  }
  for (const auto* one : bson::documents_at(*run, "revisions")) {
    out.revisions.emplace_back(bson::text_at(*one, "id"), bson::text_at(*one, "checksum"));
  }
  out.collection = bson::text_at(*run, "collection");
  if (const auto* after = run->find("after")) out.after = *after;
  if (const auto* done = run->find("done"); done && done->as<bson::Binary>()) out.done = done->as<bson::Binary>()->data;
  return out;
}

void ServiceVersion::begin(const std::string& from, const ServiceRun& run) {
  Document begun{{"run", run.run}};
  if (!run.undoes.empty()) begun.append("undoes", run.undoes);
  begun.append("to", run.to);
  begun.append("now", bson::Date{run.now_ms});
  begun.append("seed", bson::Binary{0, run.seed});
  begun.append("undo_log", run.undo_log);
  begun.append("allow_drop", run.allow_drop);
  if (run.parameters) {
    begun.append("parameters", list_of(*run.parameters));
    begun.append("revisions", list_of(run.revisions));
  }
  Document fields{{"state", "migrating"}, {"run", std::move(begun)}};
  if (!from.empty()) fields.append("version", from);
  set(std::move(fields));
}

void ServiceVersion::advance(const ServiceRun& run) {
  Document fields{{"run.collection", run.collection}, {"run.done", bson::Binary{0, run.done}}};
  Document unset;
  if (run.after) {
    fields.append("run.after", *run.after);
  } else {
    unset.append("run.after", "");
  }
  set(std::move(fields), std::move(unset));
}

void ServiceVersion::fail() { set({{"state", "failed"}}); }

void ServiceVersion::finish(const std::string& version, bool exists, const std::string& last_revision) {
  const auto before = read();
  const auto* previous = before ? before->find("version") : nullptr;
  Document fields{{"version", exists ? Value(version) : Value()},
                  {"previous", previous ? *previous : Value()},
                  {"state", "clean"},
                  {"last_revision", last_revision}};
  Document unset{{"run", ""}};
  if (exists) {
    unset.append("left_at", "");
  } else {
    fields.append("left_at", version);
  }
  set(std::move(fields), std::move(unset));
}

void ServiceVersion::finish_undo(const Document& before) {
  if (before.empty()) {
    mongo_.remove(kServiceVersions, {Value(name_of(service_))});
  } else {
    mongo_.replace(kServiceVersions, {{Document{{"_id", name_of(service_)}}, before}});
  }
}

std::vector<std::string> ServiceVersion::indexes() {
  const auto doc = read();
  return doc ? bson::strings_at(*doc, "indexes") : std::vector<std::string>();
}

void ServiceVersion::add_index(const std::string& index) {
  mongo_.update(kServiceVersions,
                {{Document{{"_id", name_of(service_)}}, Document{{"$addToSet", Document{{"indexes", index}}}}}});
}

void ServiceVersion::forget_index(const std::string& index) {
  mongo_.update(kServiceVersions,
                {{Document{{"_id", name_of(service_)}}, Document{{"$pull", Document{{"indexes", index}}}}}});
}

Document ServiceVersion::revisions() {
  const auto doc = read();
  const auto* value = doc ? doc->find("revisions") : nullptr;
  return value && value->as<Document>() ? *value->as<Document>() : Document();
}

void ServiceVersion::set_revisions(Document revisions) { set({{"revisions", std::move(revisions)}}); }

std::vector<std::string> changed_revisions(Mongo& mongo, const Catalogue& catalogue, Service service) {
  std::vector<std::string> out;
  const auto applied = ServiceVersion(mongo, service).revisions();
  for (const auto& revision : catalogue.of(service)) {
    const auto* checksum = applied.find(revision.id);
    if (checksum && !(*checksum == Value(revision.checksum))) out.push_back(revision.id);
  }
  return out;
}

void accept_changed_revisions(Mongo& mongo, const Catalogue& catalogue, Service service) {
  ServiceVersion version(mongo, service);
  auto applied = version.revisions();
  for (const auto& revision : catalogue.of(service)) {
    if (applied.has(revision.id)) applied.set(revision.id, revision.checksum);
  }
  version.set_revisions(std::move(applied));
}

}  // namespace fm
