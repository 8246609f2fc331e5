#include "cli/backup_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "base/text.h"
#include "cli/counted.h"
#include "cli/table.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

std::string utc(std::int64_t seconds) { return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(seconds)); }

std::string moment(const dump::Manifest& manifest) {
  if (!manifest.snapshot) return "none: " + manifest.no_snapshot;
  return utc(manifest.snapshot->seconds) + ", the same for all collections";
}

// Of a backup of both databases.
std::string moments(const BackupReport& report) {
  if (!report.cas) return moment(report.manifest);
  if (report.manifest.snapshot && report.manifest.snapshot == report.cas->snapshot) {
    return moment(report.manifest) + " of both databases";
  }
  if (!report.manifest.snapshot && !report.cas->snapshot) return moment(report.manifest);
  return moment(report.manifest) + "; of cas " + moment(*report.cas);
}

std::string size(std::int64_t bytes) { return format_bytes(static_cast<std::uint64_t>(bytes)); }

std::string places(const dump::Manifest& manifest) {
  return fmt::format("in {}, {}", counted(manifest.collections.size(), "collection"), size(manifest.bytes()));
}

std::string amount(const dump::Manifest& manifest) {
  return counted(manifest.documents(), "document") + " " + places(manifest);
}

std::string line(const Style& style, const char* name, const std::string& text) {
  return style.heading(fmt::format("{:<10}", name)) + " " + text + "\n";
}

std::string name_list(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 8;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) out += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kShown) out += fmt::format(", {} more", names.size() - kShown);
  return out;
}

Value snapshot_value(const dump::Manifest& manifest) {
  if (!manifest.snapshot) return Value();
  return Document{{"seconds", static_cast<std::int64_t>(manifest.snapshot->seconds)},
                  {"increment", static_cast<std::int64_t>(manifest.snapshot->increment)}};
}

Array collections_of(const dump::Manifest& manifest) {
  Array out;
  for (const auto& entry : manifest.collections) {
    out.append(Document{{"name", entry.name},
                        {"type", entry.view ? "view" : "collection"},
                        {"documents", entry.documents},
                        {"bytes", entry.bytes},
                        {"sha256", entry.view ? Value() : Value(entry.sha256)}});
  }
  return out;
}

}  // namespace

std::string backup_text(const BackupReport& report, const Style& style) {
  const auto& manifest = report.manifest;
  const auto seconds = static_cast<double>(manifest.finished_ms - manifest.started_ms) / 1000;
  return line(style, "Backup:", report.directory) + line(style, "Database:", manifest.database) +
         line(style, "Scope:", manifest.scope) +
         line(style, "Documents:", format_count(manifest.documents()) + " " + places(manifest)) +
         (report.cas ? line(style, "And cas:", report.cas->database + ", " + amount(*report.cas)) : "") +
         line(style, "On disk:", size(report.file_bytes) + (manifest.zstd ? ", compressed" : "")) +
         line(style, "Moment:", moments(report)) + line(style, "Time:", format_duration(seconds));
}

Document backup_document(const BackupReport& report) {
  const auto& manifest = report.manifest;
  return {{"directory", report.directory},
          {"database", manifest.database},
          {"scope", manifest.scope},
          {"documents", manifest.documents()},
          {"bytes", manifest.bytes()},
          {"file_bytes", report.file_bytes},
          {"snapshot", snapshot_value(manifest)},
          {"no_snapshot", manifest.snapshot ? Value() : Value(manifest.no_snapshot)},
          {"compression", manifest.zstd ? "zstd" : "none"},
          {"seconds", static_cast<double>(manifest.finished_ms - manifest.started_ms) / 1000},
          {"collections", collections_of(manifest)},
          {"cas", report.cas ? Value(Document{{"database", report.cas->database},
                                              {"documents", report.cas->documents()},
                                              {"bytes", report.cas->bytes()},
                                              {"snapshot", snapshot_value(*report.cas)},
                                              {"collections", collections_of(*report.cas)}})
                             : Value()}};
}

namespace {

std::string restore_part(const RestoreReport& report, const std::string& database, bool dry_run, const Style& style) {
  const auto& manifest = report.manifest;
  const auto from =
      manifest.database == database ? database : database + " (the backup is of " + manifest.database + ")";
  auto out = line(style, "Database:", from) +
             line(style, "Backup:", utc(manifest.finished_ms / 1000) + ", " + manifest.scope) +
             line(style, "Moment:", moment(manifest)) +
             line(style, dry_run ? "To write:" : "Restored:",
                  amount(manifest) + (report.finished ? "; one that was cut off is finished" : ""));
  if (!report.overwritten.empty()) {
    out += line(style, dry_run ? "Replaces:" : "Replaced:", name_list(report.overwritten));
  }
  if (!report.dropped.empty()) out += line(style, dry_run ? "Drops:" : "Dropped:", name_list(report.dropped));
  if (!report.left_alone.empty()) out += line(style, "Untouched:", name_list(report.left_alone));
  if (!report.bare.empty())
    out += line(style, "Bare:", name_list(report.bare) + ": no samples, here nor in the backup");
  if (!dry_run) return out;
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : manifest.collections) {
    rows.push_back(
        {entry.name, entry.view ? "view" : format_count(entry.documents), entry.view ? "" : size(entry.bytes)});
  }
  return out + "\n" + text_table({"collection", "documents", "size"}, rows);
}

Document restore_part(const RestoreReport& report, const std::string& database, bool dry_run) {
  const auto& manifest = report.manifest;
  return {{"database", database},
          {"from_database", manifest.database},
          {"dry_run", dry_run},
          {"finished", report.finished},
          {"scope", manifest.scope},
          {"documents", manifest.documents()},
          {"bytes", manifest.bytes()},
          {"snapshot", snapshot_value(manifest)},
          {"replaced", Array::of(report.overwritten)},
          {"dropped", Array::of(report.dropped)},
          {"left_alone", Array::of(report.left_alone)},
          {"without_samples", Array::of(report.bare)},
          {"collections", collections_of(manifest)}};
}

}  // namespace

std::string restore_text(const RestoreReport& report, const std::string& database, const std::string& cas, bool dry_run,
                         const Style& style) {
  std::string out;
  for (const auto& part : report.cas) out += restore_part(part, cas, dry_run, style) + "\n";
  return out + restore_part(report, database, dry_run, style);
}

Document restore_document(const RestoreReport& report, const std::string& database, const std::string& cas,
                          bool dry_run) {
  auto out = restore_part(report, database, dry_run);
  for (const auto& part : report.cas) out.append("cas", restore_part(part, cas, dry_run));
  return out;
}

}  // namespace fm::cli
