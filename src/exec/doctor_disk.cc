#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "exec/doctor_checks.h"

namespace fm::doctor {

using bson::Document;
using Level = Finding::Level;

namespace {

constexpr std::int64_t kGiB = 1LL << 30;
constexpr int kPercent = 5;  // less than that is a full disk, if the rest says so too

std::string bytes(std::int64_t n) { return format_bytes(static_cast<std::uint64_t>(n)); }

std::int64_t stored_bytes(Mongo& mongo, const std::string& collection) {
  try {
    const auto stats = mongo.command(Document{{"collStats", collection}});
    return integer_at(stats, "storageSize") + integer_at(stats, "totalIndexSize");
  } catch (const Error& error) {
    if (error.code() == Exit::kUnreachable || error.code() == Exit::kRights) throw;
    return 0;  // a view, or dropped meanwhile
  }
}

}  // namespace

Finding judge_disk(const DiskFacts& facts) {
  const auto free = facts.total - facts.used;
  const auto largest = facts.largest.value_or(facts.database);
  Finding out{
      "disk",
      Level::kOk,
      "Disk",
      fmt::format("{} of {} free; the database takes {}", bytes(free), bytes(facts.total), bytes(facts.database)),
      "",
      Document{{"free_bytes", free}, {"total_bytes", facts.total}, {"database_bytes", facts.database}}};
  if (facts.largest) {
    out.found += fmt::format(", its largest collection {} {}", facts.largest_name, bytes(*facts.largest));
    out.details.append("largest_bytes", *facts.largest);
  }
  const bool tight = free < 2 * largest;
  if (free * 100 < facts.total * kPercent && (tight || free < kGiB)) {
    out.level = Level::kBlocker;
    out.remedy = "A server without room stops in the middle of a migration: free space, or enlarge the volume.";
  } else if (tight) {
    out.level = Level::kWarning;
    out.remedy = fmt::format(
        "A collection that is rewritten needs up to its size again, and as much in the server's "
        "journal and oplog: have {} free.",
        bytes(2 * largest));
  }
  return out;
}

Finding look_at_disk(Mongo& mongo) {
  const auto stats = mongo.command(Document{{"dbStats", 1}});
  DiskFacts facts{integer_at(stats, "fsTotalSize"), integer_at(stats, "fsUsedSize"),
                  integer_at(stats, "storageSize") + integer_at(stats, "indexSize"), std::nullopt};
  if (facts.total == 0) {  // also while the database does not exist
    return {"disk", Level::kNote, "Disk",
            "cannot see: the server does not tell; the database takes " + bytes(facts.database),
            "Look at the volume of each server: twice the largest collection should be free."};
  }
  // One question per collection only where the answer can matter.
  if (facts.total - facts.used < 2 * facts.database) {
    facts.largest = 0;
    for (const auto& name : mongo.collection_names()) {
      const auto stored = stored_bytes(mongo, name);
      if (stored <= *facts.largest) continue;
      facts.largest = stored;
      facts.largest_name = name;
    }
  }
  return judge_disk(facts);
}

}  // namespace fm::doctor
