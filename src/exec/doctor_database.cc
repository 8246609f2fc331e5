#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/machine.h"
#include "base/process.h"
#include "base/text.h"
#include "base/version.h"
#include "bson/path.h"
#include "exec/doctor_checks.h"
#include "exec/restore_mark.h"
#include "exec/set_aside.h"
#include "exec/unfinished.h"
#include "plan/access.h"

namespace fm::doctor {

using bson::Array;
using bson::Document;
using Level = Finding::Level;

namespace {

constexpr const char* kJournal = "migrator.journal";
constexpr const char* kLease = "migrator.lease";
constexpr const char* kResidue = "migrator.residue";
constexpr std::size_t kNames = 5;

std::string some(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kNames); ++i) out += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kNames) out += fmt::format(", {} more", names.size() - kNames);
  return out;
}

std::string process_text(const Document& doc) {
  const auto* pid = doc.find("pid");
  const auto number = pid ? pid->integer() : std::nullopt;
  return fmt::format("host {}{}", text_at(doc, "host"), number ? fmt::format(", process {}", *number) : "");
}

}  // namespace

Finding judge_database(const Heads& heads, const Catalogue& catalogue) {
  const bool enterprise = heads.edition == Edition::kEnterprise;
  const auto version = heads.database.value_or("");
  Finding out{"database", Level::kOk, "Database",
              fmt::format("{}, {}, {} dataset{}", enterprise ? "Enterprise" : "open source",
                          heads.database ? "v" + version : "no version stored",
                          format_count(static_cast<std::int64_t>(heads.datasets.size())),
                          heads.datasets.size() == 1 ? "" : "s")};
  if (!heads.database) return out;
  const auto parsed = Version::try_parse(version);
  if (!parsed) {
    out.level = Level::kBlocker;
    out.remedy = "The version in the collection config cannot be read: restore that document from a backup.";
  } else if (parsed->base() > Version::parse(catalogue.client)) {
    const bool opens = catalogue.compatible.contains(version);
    out.level = opens ? Level::kNote : Level::kBlocker;
    out.found += fmt::format("; this program knows versions up to {}", catalogue.client);
    out.remedy = "Use a fiftyone-migrator that knows the database's version.";
  }
  return out;
}

Finding judge_access(const Heads& heads, const Catalogue& catalogue) {
  const auto version = heads.database.value_or(catalogue.client);
  const auto now = clients_that_open(catalogue, version);
  const auto then = clients_that_open(catalogue, catalogue.client);
  return {"access",
          Level::kOk,
          "SDK versions let in",
          version == catalogue.client
              ? fmt::format("at v{}: {}", version, now)
              : fmt::format("now, at v{}: {}\nat v{}: {}", version, now, catalogue.client, then),
          "",
          Document{{"now", now}, {"after", then}}};
}

Finding look_at_unfinished(Mongo& mongo, const std::optional<Heads>& heads) {
  Finding out{"unfinished", Level::kOk, "Unfinished runs", "none"};
  // All else is a mixture until then.
  if (const auto mark = RestoreMark::read(mongo)) {
    out.level = Level::kBlocker;
    out.found = mark->text();
    out.remedy = mark->remedy();
    return out;
  }
  const auto run = mongo.find_one(kJournal, Document{{"_id", "run"}});
  std::set<bson::Bytes, decltype([](const bson::Bytes& a, const bson::Bytes& b) {
             return std::lexicographical_compare(a.data(), a.data() + a.size(), b.data(), b.data() + b.size());
           })>
      known;
  std::vector<std::string> entries;
  FindOptions options;
  options.projection = Document{{"name", 1}, {"from", 1}, {"to", 1}};
  mongo.find(kJournal, Document{{"_id.dataset", Document{{"$exists", true}}}}, options, [&](const bson::View& view) {
    const auto entry = view.decode();
    known.insert(bson::encode(Document{{"", *bson::Path("_id.dataset").find(entry)}}));
    entries.push_back(
        fmt::format("{} (v{} to v{})", text_at(entry, "name"), text_at(entry, "from"), text_at(entry, "to")));
  });
  std::vector<std::string> lost;
  if (heads) {
    for (const auto& head : heads->datasets) {
      if (head.version != kParkedVersion || known.contains(bson::encode(Document{{"", head.id}}))) continue;
      lost.push_back(head.name.value_or("(no name)"));
    }
  }
  const auto imports = unfinished_imports(mongo);
  if (!run && entries.empty() && lost.empty() && imports.empty()) return out;
  out.found.clear();
  if (run) {
    const auto begun = date_at(*run, "now");
    const auto pid = integer_at(*run, "pid");
    const bool runs = text_at(*run, "host") == host_name() && process_alive(pid);
    out.level = runs ? Level::kBlocker : Level::kWarning;
    out.found =
        fmt::format("{}{}, {}{}", about_target(text_at(*run, "target")), begun ? ", begun " + utc_text(*begun) : "",
                    process_text(*run), runs ? ", which is running" : "");
    out.remedy = runs ? "Wait for that process, or end it and let the next migration finish its work."
                      : "The next fiftyone-migrator migrate finishes it first.";
  }
  if (!entries.empty()) {
    out.level = std::max(out.level, run ? Level::kWarning : Level::kBlocker);
    out.found += fmt::format("{}half-way: {}", out.found.empty() ? "" : "\n", some(entries));
    if (!run) out.remedy = "The journal has lost its run: restore these datasets and the journal from a backup.";
  }
  if (!lost.empty()) {
    out.level = Level::kBlocker;
    out.found +=
        fmt::format("{}half-way, and the journal does not know them: {}", out.found.empty() ? "" : "\n", some(lost));
    out.remedy += fmt::format("{}Restore the datasets that the journal does not know from a backup.",
                              out.remedy.empty() ? "" : "\n");
  }
  for (const auto& one : imports) {
    out.level = std::max(out.level, one.at_work ? Level::kBlocker : Level::kWarning);
    out.found +=
        (out.found.empty() ? "" : "\n") + one.text() + (one.at_work ? ", which is at work" : ", which has not ended");
    if (out.remedy.find(one.remedy()) == std::string::npos) {
      out.remedy += (out.remedy.empty() ? "" : "\n") + one.remedy();
    }
  }
  out.details =
      Document{{"datasets", static_cast<std::int64_t>(entries.size())}, {"unknown_to_journal", Array::of(lost)}};
  return out;
}

std::optional<Finding> look_at_lease(Mongo& mongo) {
  const auto lease = mongo.find_one(kLease, Document{{"_id", "lease"}});
  if (!lease) return std::nullopt;
  const auto started = date_at(*lease, "started");
  const auto expires = date_at(*lease, "expires");
  return Finding{
      "lease", Level::kNote, "Lease",
      fmt::format("{}, {}{}{}", text_at(*lease, "owner"), process_text(*lease),
                  started ? ", since " + utc_text(*started) : "", expires ? ", until " + utc_text(*expires) : "")};
}

Finding look_at_residue(Mongo& mongo) {
  const auto stats = mongo.command(Document{{"collStats", kResidue}});
  const auto count = integer_at(stats, "count");
  const auto bytes = integer_at(stats, "storageSize") + integer_at(stats, "totalIndexSize");
  const auto aside = static_cast<std::int64_t>(collections_set_aside(mongo).size());
  Finding out{"residue", Level::kOk, "Kept for undo", "nothing"};
  if (count == 0 && aside == 0) return out;
  out.found = fmt::format("{} values, {}", format_count(count), format_bytes(static_cast<std::uint64_t>(bytes)));
  if (aside > 0) out.found += fmt::format(", and {} {}", aside, aside == 1 ? "collection" : "collections");
  out.details = Document{{"values", count}, {"bytes", bytes}, {"collections", aside}};
  return out;
}

}  // namespace fm::doctor
