#include "exec/database.h"

#include "base/error.h"
#include "base/version.h"
#include "exec/service_versions.h"

namespace fm {

using bson::Document;
using bson::Value;

std::set<std::string> named_collections(Mongo& mongo) {
  std::set<std::string> out;
  FindOptions options;
  options.projection = Document{{"sample_collection_name", 1}, {"frame_collection_name", 1}};
  mongo.find("datasets", {}, options, [&](bson::View view) {
    if (const auto samples = view.get_string("sample_collection_name")) {
      out.emplace(*samples);
      out.insert("frames." + std::string(*samples));
    }
    if (const auto frames = view.get_string("frame_collection_name")) out.emplace(*frames);
  });
  return out;
}

std::vector<std::string> droppable(Mongo& mongo, const ops::DropCollections& step) {
  const auto collections = mongo.collection_names();
  return step.victims(collections, named_collections(mongo));
}

void drop_unreferenced(Mongo& mongo, const std::vector<std::string>& collections) {
  for (const auto& name : collections) {
    // A dataset may have been made since the list was.
    if (!named_collections(mongo).contains(name)) mongo.drop(name);
  }
}

bool config_has_type(const std::string& version) {
  const auto parsed = Version::try_parse(version);
  return !parsed || parsed->base() >= Version::parse("0.15.1");
}

void write_config(Mongo& mongo, const DatabaseHeads& found, const std::string& version) {
  const Value type = found.heads.edition == Edition::kEnterprise ? "fiftyone-teams" : "fiftyone";
  if (found.heads.edition == Edition::kEnterprise && found.heads.database != version) {
    keep_version_for_guesses(mongo, found.heads.database, version);
  }
  const auto with = [&](Document doc) {
    doc.append("version", version);
    if (config_has_type(version)) doc.append("type", type);
    return doc;
  };
  if (!found.config) {
    mongo.upsert("config", {Document{}, with({})});
    return;
  }
  const auto* id = found.config->find("_id");
  const auto* old = found.config->find("version");
  const auto replacement = with(Document{{"_id", *id}});
  const Document filter{{"_id", *id}, {"version", old ? *old : Value(bson::Null{})}};
  if (mongo.replace("config", {{filter, replacement}}) == 0) {
    const auto now = mongo.find_one("config", Document{{"_id", *id}});
    if (!now || !(*now == replacement)) {
      const auto current = read_database_version(mongo);
      throw Error(
          Exit::kFailed,
          "Another client changed the database's version to v" + current.value_or("(none)") + " while it was migrated",
          "Stop the other clients and run the same command again.");
    }
  }
  mongo.remove("config", found.stale_configs);
}

}  // namespace fm
