#include "exec/give_back.h"

#include <algorithm>
#include <map>
#include <set>

#include "bson/read.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

struct Open {
  std::int64_t seq = 0;
  std::string run;
  std::vector<std::string> revisions;
  std::string samples;  // of the dataset that it is an image of
};

// Of each document the newest first.
std::map<std::string, std::vector<Open>> open_images(Mongo& mongo) {
  std::map<std::string, std::vector<Open>> out;
  FindOptions options;
  options.projection =
      Document{{"run", 1}, {"seq", 1}, {"document", 1}, {"open", 1}, {"before.sample_collection_name", 1}};
  const Document filter{{"open.0", Document{{"$exists", true}}}, {"service", "datasets"}};
  mongo.find(kResidue, filter, options, [&](bson::View view) {
    const auto record = view.decode();
    const auto* document = record.find("document");
    const auto* open = record.find("open");
    if (!document || !open->as<bson::Array>()) return;
    Open one{bson::integer_at(record, "seq"), bson::text_at(record, "run"), bson::strings_at(record, "open"),
             bson::text_at(record, "before.sample_collection_name")};
    out[id_key(*document)].push_back(std::move(one));
  });
  for (auto& [key, images] : out) {
    std::sort(images.begin(), images.end(), [](const Open& a, const Open& b) { return a.seq > b.seq; });
  }
  return out;
}

}  // namespace

std::vector<Waiting> waiting(Mongo& mongo, const Heads& heads) {
  std::vector<Waiting> out;
  const auto open = open_images(mongo);
  if (open.empty()) return out;
  const auto samples = samples_of_datasets(mongo);
  for (const auto& head : heads.datasets) {
    const auto found = open.find(id_key(head.id));
    if (found == open.end() || !head.version || head.version == kParkedVersion) continue;
    const auto version = Version::try_parse(*head.version);
    if (!version) continue;
    std::set<Version> revisions;
    std::set<std::string> runs;
    const auto own = samples.find(found->first);
    for (const auto& image : found->second) {
      if (own == samples.end() || own->second != image.samples) continue;
      for (const auto& text : image.revisions) {
        const auto revision = Version::try_parse(text);
        if (revision && *revision <= version->base() && revisions.insert(*revision).second) runs.insert(image.run);
      }
    }
    if (revisions.empty()) continue;
    Waiting one{head.id, head.name.value_or("None"), *head.version, {}, {runs.begin(), runs.end()}};
    for (const auto& revision : revisions) one.revisions.push_back(revision.str());
    out.push_back(std::move(one));
  }
  return out;
}

Prepared give_back(bson::Bytes dataset, const Route& route, const std::vector<DatasetReplay>& replays,
                   const std::vector<Revision>& revisions, const RunFacts& facts, const PrepareSources& sources) {
  auto after = dataset.decode();
  const auto* id = after.find("_id");
  auto name = shown_name(after);
  Prepared out{*id,
               std::move(name),
               std::move(dataset),
               std::move(after),
               &route,
               ops::Context(*id, facts.now_ms, facts.ids, sources.fetch),
               {},
               false,
               {},
               {}};
  out.context.dataset_name = out.name;
  out.context.file_has_key = sources.file_has_key;
  out.context.record_displaced = false;
  const auto version = Version::parse(route.to);
  // A newer way down began where an older one had ended, or it took all over.
  for (const auto& replay : replays) replay.give_back(revisions, version, facts, out);
  check_size(out);
  return out;
}

}  // namespace fm
