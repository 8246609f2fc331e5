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

namespace {

Error moved_meanwhile(Mongo& mongo) {
  return {Exit::kFailed,
          "Another client changed the database's version to v" + read_database_version(mongo).value_or("(none)") +
              " while it was migrated",
          "Stop the other clients and run the same command again."};
}

// The document only as long as its version is the one found.
Document as_found(const Document& config) {
  const auto* version = config.find("version");
  return {{"_id", *config.find("_id")}, {"version", version ? *version : Value(bson::Null{})}};
}

void replace_config(Mongo& mongo, const Document& found, const Document& replacement) {
  if (mongo.replace("config", {{as_found(found), replacement}}) > 0) return;
  const auto now = mongo.find_one("config", Document{{"_id", *found.find("_id")}});
  if (!now || !(*now == replacement)) throw moved_meanwhile(mongo);
}

}  // namespace

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
  replace_config(mongo, *found.config, with(Document{{"_id", *id}}));
  mongo.remove("config", found.stale_configs);
}

void take_config_back(Mongo& mongo, const std::optional<Document>& found, const Document& before) {
  if (before.empty()) {
    if (found && mongo.remove_where("config", as_found(*found)) == 0 && mongo.find_one("config", {})) {
      throw moved_meanwhile(mongo);
    }
  } else if (found) {
    replace_config(mongo, *found, before);
  } else if (const auto now = mongo.find_one("config", {}); now && !(*now == before)) {
    throw moved_meanwhile(mongo);
  } else {
    // Where it was taken away, it is as it was.
    mongo.upsert("config", {Document{{"_id", *before.find("_id")}}, before});
  }
}

}  // namespace fm
