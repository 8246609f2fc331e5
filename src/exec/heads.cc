#include "exec/heads.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "bson/path.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

constexpr const char* kOpenSourceType = "fiftyone";
constexpr const char* kEnterpriseType = "fiftyone-teams";

// A version that is there but no text is passed on, so that it is refused as
// one that cannot be parsed and not taken for none.
std::optional<std::string> version_of(const std::optional<Value>& value) {
  if (!value || value->is_null()) return std::nullopt;
  if (const auto* text = value->as<std::string>()) return *text;
  return std::string("(") + value->type_name() + ")";
}

Edition edition_of(const std::optional<Value>& type) {
  if (!type || type->is_null()) return Edition::kOpenSource;
  const auto* text = type->as<std::string>();
  if (text && *text == kOpenSourceType) return Edition::kOpenSource;
  if (text && *text == kEnterpriseType) return Edition::kEnterprise;
  throw Error(Exit::kFailed,
              "Cannot connect to database type '" + (text ? *text : std::string(type->type_name())) +
                  "' with client type '" + kOpenSourceType + "'",
              "This is not a FiftyOne database that any tool of ours knows; check FIFTYONE_DATABASE_URI and "
              "FIFTYONE_DATABASE_NAME.",
              "ConnectionError");
}

FindOptions newest_first() {
  FindOptions options;
  options.sort = Document{{"_id", -1}};
  return options;
}

}  // namespace

DatabaseHeads read_heads(Mongo& mongo, const Document& filter) {
  DatabaseHeads out;
  mongo.find("config", {}, newest_first(), [&](bson::View view) {
    if (!out.config) {
      out.config = view.decode();
    } else if (auto id = view.get("_id")) {
      out.stale_configs.push_back(std::move(*id));
    }
  });
  if (out.config) {
    const auto copy = [&](const char* key) {
      const auto* value = out.config->find(key);
      return value ? std::optional<Value>(*value) : std::nullopt;
    };
    out.heads.edition = edition_of(copy("type"));
    out.heads.database = version_of(copy("version"));
  }
  FindOptions options;
  options.projection = Document{{"name", 1}, {"version", 1}};
  const auto add = [&](bson::View view) {
    DatasetHead head;
    head.id = view.get("_id").value_or(Value());
    const auto name = view.get("name");
    head.has_name_key = name.has_value();
    if (name && name->as<std::string>()) head.name = *name->as<std::string>();
    head.version = version_of(view.get("version"));
    out.heads.datasets.push_back(std::move(head));
  };
  // Two reads: the first one's order is what `--info` shows (spec runner 4.1).
  for (const bool named : {true, false}) {
    const Document has_name{{"name", Document{{"$exists", named}}}};
    mongo.find("datasets", filter.empty() ? has_name : Document{{"$and", bson::Array{has_name, filter}}}, options, add);
  }
  return out;
}

bool same_heads(const DatabaseHeads& a, const DatabaseHeads& b) {
  const auto same = [](const DatasetHead& x, const DatasetHead& y) {
    return x.id == y.id && x.name == y.name && x.version == y.version;
  };
  return a.heads.database == b.heads.database && std::equal(a.heads.datasets.begin(), a.heads.datasets.end(),
                                                            b.heads.datasets.begin(), b.heads.datasets.end(), same);
}

std::string database_identity(Mongo& mongo, const std::string& collection) {
  const auto reply = mongo.command(Document{{"listCollections", 1}, {"filter", Document{{"name", collection}}}});
  const auto* batch = bson::Path("cursor.firstBatch").find(reply);
  const auto* list = batch ? batch->as<bson::Array>() : nullptr;
  const auto* info = list && !list->empty() ? (*list)[0].as<Document>() : nullptr;
  const auto* uuid = info ? bson::Path("info.uuid").find(*info) : nullptr;
  return uuid && uuid->as<bson::Binary>() ? to_hex(uuid->as<bson::Binary>()->data) : "";
}

std::optional<std::string> read_database_version(Mongo& mongo) {
  const auto config = mongo.find_one("config", {}, newest_first());
  if (!config) return std::nullopt;
  const auto* version = config->find("version");
  return version_of(version ? std::optional<Value>(*version) : std::nullopt);
}

}  // namespace fm
