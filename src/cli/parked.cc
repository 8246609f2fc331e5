#include "cli/parked.h"

#include <algorithm>

#include "bson/read.h"
#include "exec/prepare.h"

namespace fm::cli {

using bson::Document;

Parked::Parked(Mongo& mongo, const Heads& heads) {
  const auto parked = [](const DatasetHead& head) { return head.version == kParkedVersion; };
  if (std::none_of(heads.datasets.begin(), heads.datasets.end(), parked)) return;
  FindOptions options;
  options.projection = Document{{"from", 1}, {"to", 1}};
  mongo.find("migrator.journal", Document{{"_id.dataset", Document{{"$exists", true}}}}, options,
             [&](const bson::View& view) {
               const auto entry = view.decode();
               const auto* id = entry.find("_id")->as<Document>()->find("dataset");
               ways_.emplace(id_key(*id), Way{text_at(entry, "from"), text_at(entry, "to")});
             });
}

const Parked::Way* Parked::find(const DatasetHead& head) const {
  if (head.version != kParkedVersion) return nullptr;
  const auto found = ways_.find(id_key(head.id));
  return found == ways_.end() ? nullptr : &found->second;
}

std::string Parked::shown_version(const DatasetHead& head) const {
  if (head.version != kParkedVersion) return head.version.value_or("");
  const auto* way = find(head);
  return way ? way->from + " (migrating to " + way->to + ")" : "(migrating)";
}

}  // namespace fm::cli
