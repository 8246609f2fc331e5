#include "exec/own_revisions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "bson/read.h"

namespace fm {

using bson::Array;
using bson::Document;

Array own_revisions(const Plan& plan) {
  std::map<std::string, std::string> own;
  for (const auto* routes : {&plan.database, &plan.routes}) {
    for (const auto& route : *routes) {
      for (const auto* revision : route.revisions) {
        if (!revision->built_in) own.emplace(revision->id, revision->checksum);
      }
    }
  }
  Array out;
  for (const auto& [id, checksum] : own) out.append(Document{{"id", id}, {"checksum", checksum}});
  return out;
}

void require_own_revisions(const Array& own, const Catalogue& catalogue, const std::string& run) {
  std::vector<std::string> missing;
  for (const auto& item : own) {
    const auto* one = item.as<Document>();
    if (!one) continue;
    const auto id = bson::text_at(*one, "id");
    const auto checksum = bson::text_at(*one, "checksum");
    const auto is_it = [&](const Revision& revision) { return revision.id == id && revision.checksum == checksum; };
    if (std::ranges::none_of(catalogue.datasets, is_it)) missing.push_back(id);
  }
  if (missing.empty()) return;
  throw Error(
      Exit::kPrecondition,
      fmt::format("Run {} had revisions of its own catalogue that are not there now, or are others: datasets {}", run,
                  fmt::join(missing, ", ")),
      "Give --catalogue what it was begun with. Nothing was written.");
}

std::string revisions_hash(const Route& route) {
  std::set<std::string> all;
  for (const auto* revision : route.revisions) all.insert(revision->id + " " + revision->checksum + "\n");
  Sha256 hash;
  for (const auto& one : all) hash.update(one);
  return to_hex(hash.finish());
}

}  // namespace fm
