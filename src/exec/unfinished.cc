#include "exec/unfinished.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/version.h"
#include "bson/read.h"
#include "exec/journal.h"
#include "exec/repair.h"
#include "exec/residue.h"
#include "store/lease.h"

namespace fm {

std::string about_target(const std::string& target) {
  if (Version::try_parse(target)) return "a migration to v" + target;
  if (target == kRepairTarget) return "a repair";
  return target.starts_with("undo of ") ? "an " + target : "a run (" + target + ")";
}

std::string UnfinishedRun::text() const {
  return fmt::format("run {}, {}, begun {} by process {} on host {}", run, what, utc_text(begun_ms), pid, host);
}

std::string UnfinishedRun::remedy() const {
  std::string out = "'fiftyone-migrator migrate' finishes it first, whatever it goes on to do";
  if (can_be_undone) out += "; 'fiftyone-migrator undo " + run + "' takes it back instead";
  return out + ".";
}

std::optional<UnfinishedRun> unfinished_run(Mongo& mongo) {
  const auto left = Journal(mongo).unfinished();
  if (!left) return std::nullopt;
  UnfinishedRun out;
  out.run = left->run;
  out.what = about_target(left->target);
  out.host = left->host;
  out.pid = left->pid;
  out.begun_ms = left->now_ms;
  out.half_way = static_cast<std::int64_t>(left->entries.size());
  const auto holder = lease_holder(mongo);
  out.at_work = holder && holder->live();
  out.can_be_undone = left->undoes.empty() && Residue(mongo).run(left->run).has_value();
  return out;
}

std::string UnfinishedImport::text() const {
  return fmt::format("an import of '{}', begun {} by process {} on host {}", name, utc_text(begun_ms), pid, host);
}

std::string UnfinishedImport::remedy() const {
  return at_work ? "Wait for it to end."
                 : "The same `dataset import` goes on with it; any other import or copy takes back what it left.";
}

std::vector<UnfinishedImport> unfinished_imports(Mongo& mongo) {
  std::vector<UnfinishedImport> out;
  const auto add = [](UnfinishedImport& one, const bson::Document& from) {
    for (const char* key : {"samples", "frames", "tags"}) {
      if (const auto name = bson::text_at(from, key); !name.empty()) one.collections.push_back(name);
    }
    const auto ids = [&](const std::string& collection, const bson::Value* value) {
      const auto* list = value ? value->as<bson::Array>() : nullptr;
      for (std::size_t i = 0; list && i < list->size(); ++i) one.documents.emplace_back(collection, (*list)[i]);
    };
    const auto* documents = from.find("documents");
    if (documents && documents->as<bson::Document>()) {
      for (const auto& [collection, list] : *documents->as<bson::Document>()) ids(collection, &list);
    }
    ids("fs.files", from.find("files"));
  };
  mongo.find(kImports, {}, {}, [&](const bson::View& view) {
    const auto entry = view.decode();
    UnfinishedImport one;
    one.name = bson::text_at(entry, "name");
    one.host = bson::text_at(entry, "host");
    one.pid = bson::integer_at(entry, "pid");
    one.begun_ms = bson::date_at(entry, "now").value_or(0);
    add(one, entry);
    const auto* replaces = entry.find("replaces");
    if (replaces && replaces->as<bson::Document>()) add(one, *replaces->as<bson::Document>());
    out.push_back(std::move(one));
  });
  if (out.empty()) return out;
  const auto holder = lease_holder(mongo);
  for (auto& one : out) one.at_work = holder && holder->live() && holder->pid == one.pid;
  return out;
}

}  // namespace fm
