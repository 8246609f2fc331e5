#include "exec/verify_version.h"

#include <algorithm>

#include "base/error.h"
#include "exec/gridfs.h"
#include "exec/prepare.h"
#include "exec/verify_collections.h"
#include "exec/verify_document.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

bool nothing_left(Mongo& mongo, const SharedData& data, const Document& dataset, const Route& route,
                  const ops::References::Fetch& fetch) {
  const RunFacts facts{0, ops::IdGenerator(0, ""), {}, "", 0};
  const PrepareSources sources{
      false, fetch, [&](const Value& file, const std::string& key) { return file_has_key(mongo, file, key); }};
  auto prepared = prepare(bson::encode(dataset), dataset, route, facts, sources);
  auto after = prepared.after;
  auto before = dataset;
  after.take("version");
  before.take("version");
  if (!(after == before) || !prepared.context.file_patches.empty()) return false;
  const auto& others = prepared.context.references.entries();
  if (std::any_of(others.begin(), others.end(), [](const auto& entry) { return !(entry.before == entry.after); })) {
    return false;
  }
  FindOptions options;
  options.projection = Document{{"_id", 1}};
  return std::none_of(prepared.passes.begin(), prepared.passes.end(), [&](const ops::Pass& pass) {
    if (!data.collections.contains(pass.collection)) return false;
    return pass.merge || pass.whole || mongo.find_one(pass.collection, wanted_by(pass), options).has_value();
  });
}

}  // namespace

std::optional<std::string> proven_version(Mongo& mongo, const Catalogue& catalogue,
                                          const std::vector<Requirement>& requirements, const SharedData& data,
                                          const Document& dataset, const std::optional<std::string>& database,
                                          const ops::References::Fetch& fetch) {
  std::vector<const Revision*> fitting;
  bool ended = false;
  for (const auto& revision : catalogue.datasets) {
    if (!fits_version(dataset, revision.version, requirements, fetch)) {
      ended = !fitting.empty();
      continue;
    }
    if (ended) return std::nullopt;  // a second stretch
    fitting.push_back(&revision);
  }
  if (fitting.empty()) return std::nullopt;
  const auto& first = *fitting.front();
  const auto& last = *fitting.back();
  const auto route = make_route(catalogue, catalogue.datasets, first.text, last.text);
  if (!route.dataset_keeps_version) return std::nullopt;
  try {
    if (!nothing_left(mongo, data, dataset, route, fetch)) return std::nullopt;
  } catch (const Error& error) {
    if (error.code() != Exit::kPrecondition) throw;
    return std::nullopt;  // a guard
  }
  const auto checks = inspect(dataset, last.version, requirements, fetch).checks;
  for (const auto& problem : run_checks(mongo, checks, data, true)) {
    if (problem.kind == Problem::Kind::kPending) return std::nullopt;
  }
  const auto stored = database ? Version::try_parse(*database) : std::nullopt;
  if (stored && stored->base() >= first.version.base() && stored->base() <= Version::parse(catalogue.client).base()) {
    const auto passed = std::any_of(catalogue.datasets.begin(), catalogue.datasets.end(), [&](const Revision& one) {
      return one.version.base() > last.version.base() && one.version.base() <= stored->base();
    });
    if (!passed) return database;
  }
  return last.text;
}

void set_version(Document& dataset, const std::string& version) {
  if (dataset.has("version")) {
    dataset.set("version", version);
    return;
  }
  auto place = dataset.index_of("name") + 1;
  if (place < dataset.size() && dataset[place].key == "slug") ++place;
  dataset.insert(std::min(place, dataset.size()), "version", version);
}

}  // namespace fm
