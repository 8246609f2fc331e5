#include "exec/set_aside.h"

#include <string_view>

#include "base/error.h"
#include "exec/database.h"

namespace fm {

namespace {

constexpr std::string_view kPlace = "migrator.dropped.";

std::string place_of(const SetAside& collection) {
  return std::string(kPlace) + collection.run + "." + collection.name;
}

// Whether it was; the server refuses what has no room or no right.
bool renamed(Mongo& mongo, const std::string& from, const std::string& to) {
  try {
    mongo.rename(from, to);
    return true;
  } catch (const Error& error) {
    if (error.code() != Exit::kFailed && error.code() != Exit::kRights) throw;
    return false;
  }
}

}  // namespace

std::vector<SetAside> collections_set_aside(Mongo& mongo, const std::string& run) {
  std::vector<SetAside> out;
  for (const auto& name : mongo.collection_names()) {
    if (!name.starts_with(kPlace)) continue;
    const auto dot = name.find('.', kPlace.size());
    if (dot == std::string::npos) continue;
    SetAside one{name.substr(kPlace.size(), dot - kPlace.size()), name.substr(dot + 1)};
    if (run.empty() || one.run == run) out.push_back(std::move(one));
  }
  return out;
}

std::vector<std::string> set_aside(Mongo& mongo, const std::string& run, const std::vector<std::string>& collections) {
  std::vector<std::string> stay;
  for (const auto& name : collections) {
    // A dataset may have been made since the list was.
    if (named_collections(mongo).contains(name)) continue;
    if (!renamed(mongo, name, place_of({run, name})) && mongo.collection_names().contains(name)) stay.push_back(name);
  }
  return stay;
}

void bring_back(Mongo& mongo, const std::string& run) {
  for (const auto& one : collections_set_aside(mongo, run)) renamed(mongo, place_of(one), one.name);
}

void drop_aside(Mongo& mongo, const SetAside& collection) { mongo.drop(place_of(collection)); }

}  // namespace fm
