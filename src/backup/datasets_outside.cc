#include "backup/datasets_outside.h"

#include <algorithm>
#include <map>
#include <optional>

#include "backup/touched.h"
#include "base/hash.h"
#include "base/version.h"
#include "bson/read.h"
#include "exec/journal.h"
#include "exec/prepare.h"
#include "plan/plan.h"

namespace fm::dump {

using bson::Document;

namespace {

// As the client that loads it leaves it.
Digest hash_of(Document dataset) {
  dataset.take("last_loaded_at");
  const auto bytes = bson::encode(dataset);
  return sha256({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string version_of(const Document& dataset) {
  const auto text = bson::text_at(dataset, "version");
  return text.empty() ? "0.0" : text;
}

bool same_version(const std::string& a, const std::string& b) {
  const auto left = Version::try_parse(a);
  const auto right = Version::try_parse(b);
  return left && right && left->base() == right->base();
}

// One of the backup without its collections.
struct Lone {
  std::string name;
  std::string version;
  Digest hash;
  std::vector<std::string> collections;
  bool here = false;
};

}  // namespace

Outside datasets_outside(Mongo& mongo, const Manifest& manifest, const EachDocument& backed_up) {
  Outside out;
  std::set<std::string> held;
  for (const auto& entry : manifest.collections) held.insert(entry.name);
  std::set<std::string> known;  // all of the backup
  std::map<std::string, Lone> lone;
  backed_up([&](bson::View view) {
    const auto id = view.get("_id");
    if (!id) return;
    known.insert(id_key(*id));
    auto names = own_collections(view);
    const auto is_held = [&](const std::string& name) { return held.contains(name); };
    if (!manifest.plan || std::any_of(names.begin(), names.end(), is_held)) {
      for (auto& name : names) {
        if (!is_held(name)) out.were_absent.insert(std::move(name));
      }
      return;
    }
    const auto dataset = view.decode();
    lone.emplace(id_key(*id), Lone{shown_name(dataset), version_of(dataset), hash_of(dataset), std::move(names)});
  });

  std::set<std::string> planned;
  if (manifest.plan) {
    for (const auto& id : manifest.plan->datasets) planned.insert(id_key(id));
  }
  std::string under_way;  // where parked ones go; a restore that was cut off has dropped their journal
  if (const auto left = Journal(mongo).unfinished()) {
    under_way = left->target;
  } else if (manifest.plan) {
    under_way = manifest.plan->target;
  }
  mongo.find("datasets", {}, {}, [&](bson::View view) {
    const auto key = id_key(*view.get("_id"));
    const auto found = lone.find(key);
    if (known.contains(key) && found == lone.end()) return;
    const auto dataset = view.decode();
    if (found == lone.end()) {
      out.newer.push_back(shown_name(dataset));
      return;
    }
    found->second.here = true;
    if (hash_of(dataset) == found->second.hash) return;
    auto now = version_of(dataset);
    if (now == kParkedVersion) now = under_way;
    const bool as_planned =
        planned.contains(key) && (same_version(now, found->second.version) || same_version(now, manifest.plan->target));
    if (!as_planned) out.changed.push_back(shown_name(dataset));
  });
  const auto there = mongo.collection_names();
  for (const auto& [key, one] : lone) {
    const auto is_there = [&](const std::string& name) { return there.contains(name); };
    if (!one.here && std::none_of(one.collections.begin(), one.collections.end(), is_there)) {
      out.bare.push_back(one.name);
    }
  }
  std::sort(out.bare.begin(), out.bare.end());
  return out;
}

}  // namespace fm::dump
