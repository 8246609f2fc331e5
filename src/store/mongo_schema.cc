// Mongo: collections, views and indexes.
#include "base/hash.h"
#include "bson/path.h"
#include "store/driver.h"

namespace fm {

using bson::Document;

namespace {

constexpr std::uint32_t kNamespaceNotFound = 26;

}  // namespace

std::set<std::string> Mongo::names_where(const Document& filter) {
  const Client client(*this);
  const std::unique_ptr<mongoc_database_t, void (*)(mongoc_database_t*)> database(
      mongoc_client_get_database(client.get(), database_.c_str()), mongoc_database_destroy);
  const bson::CDoc opts(Document{{"nameOnly", true}, {"filter", filter}});
  const Cursor cursor(mongoc_database_find_collections_with_opts(database.get(), opts.get()));
  std::set<std::string> out;
  visit_all(cursor, "listing collections", [&](bson::View view) {
    const auto name = view.get_string("name");
    if (auto own = name ? own_name(*name) : std::nullopt) out.insert(std::move(*own));
  });
  return out;
}

std::set<std::string> Mongo::collection_names() { return names_where({}); }

std::set<std::string> Mongo::view_names() { return names_where({{"type", Document{{"$ne", "collection"}}}}); }

std::vector<CollectionInfo> Mongo::collections() {
  const Client client(*this);
  const std::unique_ptr<mongoc_database_t, void (*)(mongoc_database_t*)> database(
      mongoc_client_get_database(client.get(), database_.c_str()), mongoc_database_destroy);
  const Cursor cursor(mongoc_database_find_collections_with_opts(database.get(), nullptr));
  std::vector<CollectionInfo> out;
  visit_all(cursor, "listing collections", [&](const bson::View& view) {
    const auto document = view.decode();
    CollectionInfo info;
    const auto own = own_name(view.get_string("name").value_or(""));
    if (!own) return;
    info.name = *own;
    info.type = view.get_string("type").value_or("collection");
    if (const auto* options = document.find("options"); options && options->as<Document>()) {
      info.options = *options->as<Document>();
    }
    const auto* uuid = bson::Path("info.uuid").find(document);
    if (uuid && uuid->as<bson::Binary>()) info.uuid = to_hex(uuid->as<bson::Binary>()->data);
    out.push_back(std::move(info));
  });
  return out;
}

std::set<std::string> Mongo::index_names(const std::string& collection) {
  const Collection coll(*this, collection);
  const Cursor cursor(mongoc_collection_find_indexes_with_opts(coll.get(), nullptr));
  std::set<std::string> out;
  visit_all(cursor, "listing indexes of " + collection, [&](bson::View view) {
    if (const auto name = view.get_string("name")) out.emplace(*name);
  });
  return out;
}

std::vector<Document> Mongo::indexes(const std::string& collection) {
  const Collection coll(*this, collection);
  const Cursor cursor(mongoc_collection_find_indexes_with_opts(coll.get(), nullptr));
  std::vector<Document> out;
  visit_all(cursor, "listing indexes of " + collection, [&](const bson::View& view) {
    out.push_back(view.decode());
    out.back().take("ns");  // of servers before 4.4, refused by later ones
  });
  return out;
}

std::vector<Document> Mongo::unique_indexes(const std::string& collection, const std::string& key) {
  auto out = indexes(collection);
  std::erase_if(out, [&](const Document& index) {
    const auto* keys = index.find("key");
    const auto* unique = index.find("unique");
    return !keys || !keys->as<Document>() || !keys->as<Document>()->has(key) || !unique || !unique->truthy();
  });
  return out;
}

void Mongo::drop_unique_indexes(const std::string& collection, const std::string& key) {
  for (const auto& index : unique_indexes(collection, key)) {
    run(Document{{"dropIndexes", full_name(collection)}, {"index", *index.find("name")}}, true);
  }
}

void Mongo::drop_index(const std::string& collection, const std::string& name) {
  if (!index_names(collection).contains(name)) return;
  run(Document{{"dropIndexes", full_name(collection)}, {"index", name}}, true);
}

// As MongoDB 7 and later do without being told.
void Mongo::drop(const std::string& collection) {
  run(Document{{"drop", full_name(collection)}}, true, nullptr, kNamespaceNotFound);
}

void Mongo::create(const std::string& collection, const Document& options) {
  Document command{{"create", full_name(collection)}};
  for (const auto& [key, value] : options) command.append(key, value);
  run(command, true);
}

void Mongo::create_indexes(const std::string& collection, const std::vector<Document>& indexes) {
  if (indexes.empty()) return;
  run(Document{{"createIndexes", full_name(collection)}, {"indexes", bson::Array::of(indexes)}}, true);
}

void Mongo::change_view(const std::string& view, const Document& options) {
  Document command{{"collMod", full_name(view)}};
  for (const auto& [key, value] : options) command.append(key, value);
  run(command, true);
}

void Mongo::rename(const std::string& from, const std::string& to) {
  run(Document{{"renameCollection", database_ + "." + full_name(from)}, {"to", database_ + "." + full_name(to)}}, true,
      "admin");
}

void Mongo::rename_over(const std::string& from, const std::string& to) {
  run(Document{{"renameCollection", database_ + "." + full_name(from)},
               {"to", database_ + "." + full_name(to)},
               {"dropTarget", true}},
      true, "admin");
}

}  // namespace fm
