#include "backup/datasets_outside.h"

#include <algorithm>

#include "backup/touched.h"
#include "base/version.h"
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

bool same_version(const std::string& a, const std::string& b) {
  const auto left = Version::try_parse(a);
  const auto right = Version::try_parse(b);
  return left && right && left->base() == right->base();
}

}  // namespace

BackedUpDatasets::BackedUpDatasets(const Manifest& manifest, const EachDocument& each) : plan_(manifest.plan) {
  std::set<std::string> held;
  for (const auto& entry : manifest.collections) held.insert(entry.name);
  const auto is_held = [&](const std::string& name) { return held.contains(name); };
  each([&](bson::View view) {
    const auto id = view.get("_id");
    if (!id) return;
    known_.insert(id_key(*id));
    auto names = own_collections(view);
    if (!plan_ || std::any_of(names.begin(), names.end(), is_held)) {
      for (auto& name : names) {
        if (!is_held(name)) were_absent_.insert(std::move(name));
      }
      return;
    }
    const auto dataset = view.decode();
    lone_.emplace(id_key(*id), Lone{shown_name(dataset), version_of(view), hash_of(dataset), std::move(names)});
  });
}

Outside BackedUpDatasets::compare(Mongo& mongo) const {
  Outside out;
  out.were_absent = were_absent_;
  std::set<std::string> planned;
  if (plan_) {
    for (const auto& id : plan_->datasets) planned.insert(id_key(id));
  }
  std::string under_way;  // where parked ones go; a restore that was cut off has dropped their journal
  if (const auto left = Journal(mongo).unfinished()) {
    under_way = left->target;
  } else if (plan_) {
    under_way = plan_->target;
  }
  FindOptions options;
  if (lone_.empty()) options.projection = Document{{"name", 1}};
  std::set<std::string> here;
  mongo.find("datasets", {}, options, [&](bson::View view) {
    const auto key = id_key(*view.get("_id"));
    const auto found = lone_.find(key);
    if (known_.contains(key) && found == lone_.end()) return;
    const auto dataset = view.decode();
    if (found == lone_.end()) {
      out.newer.push_back(shown_name(dataset));
      return;
    }
    here.insert(key);
    if (hash_of(dataset) == found->second.hash) return;
    auto now = version_of(view);
    if (now == kParkedVersion) now = under_way;
    const bool as_planned =
        planned.contains(key) && (same_version(now, found->second.version) || same_version(now, plan_->target));
    if (!as_planned) out.changed.push_back(shown_name(dataset));
  });
  const auto there = mongo.collection_names();
  for (const auto& [key, one] : lone_) {
    const auto is_there = [&](const std::string& name) { return there.contains(name); };
    if (!here.contains(key) && std::none_of(one.collections.begin(), one.collections.end(), is_there)) {
      out.bare.push_back(one.name);
    }
  }
  std::sort(out.bare.begin(), out.bare.end());
  return out;
}

}  // namespace fm::dump
