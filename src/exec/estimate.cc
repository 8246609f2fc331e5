#include "exec/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "bson/read.h"
#include "exec/history.h"
#include "exec/ranges.h"

namespace fm {

using bson::Array;
using bson::Document;

namespace {

constexpr std::int64_t kSample = 1000;
constexpr std::size_t kMostStatistics = 1000;

// Measured by us (docs/benchmarks.md, "Estimates"). The server computes twice:
// whether a document is still to be done, and what it becomes.
constexpr double kComputedTwice = 2;
constexpr double kWriteSeconds = 10e-6;           // a document of samples or frames
constexpr double kMergeSeconds = 60e-6;           // one that a join writes, each by itself
constexpr double kWriteSecondsPerKiB = 2e-6;      // and for each KiB of it
constexpr double kDatasetSeconds = 60e-6;         // a dataset document
constexpr double kParkedDatasetSeconds = 1.2e-3;  // one that is parked meanwhile
constexpr double kRunSeconds = 0.06;              // journal, lease, versions
constexpr double kServiceSeconds = 0.2e-3;        // a document of a service
// Collections and indexes of the bookkeeping, however little is in them.
constexpr std::int64_t kBookkeepingBytes = 512 << 10;
// Files grow by more than the documents compressed: in whole blocks, some of them twice
// between two checkpoints.
constexpr double kBlocks = 1.25;
// Bytes in the oplog beside the values that change, for each document.
constexpr std::int64_t kOplogEntry = 200;

std::string time_of(double seconds) { return fmt::format("{:.0f} ms", seconds * 1e3); }

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// What a pass does to a thousand of its documents, without the writing.
struct Trial {
  std::int64_t documents = 0;
  std::int64_t before = 0;  // bytes
  std::int64_t after = 0;
  double seconds = 0;
};

Document weigh(const char* into, const char* what) {
  return {{into, Document{{"$sum", Document{{"$bsonSize", what}}}}}};
}

Trial try_pass(Mongo& mongo, const ops::Pass& pass) {
  Array read;
  read.append(Document{{"$match", wanted_by(pass)}});
  read.append(Document{{"$limit", kSample}});
  Array work = read;
  for (const auto& stage : pass.pipeline) {
    const auto* one = stage.as<Document>();
    if (!one || !one->has("$merge")) work.append(stage);
  }
  const auto sum_up = [](Array pipeline, const char* key) {
    Document group{{"_id", bson::Null{}}, {"n", Document{{"$sum", 1}}}};
    for (const auto& [name, value] : weigh(key, "$$ROOT")) group.append(name, value);
    pipeline.append(Document{{"$group", std::move(group)}});
    return pipeline;
  };
  Trial out;
  mongo.aggregate(pass.collection, sum_up(read, "bytes"), [&](bson::View view) {
    out.documents = bson::integer_at(view.decode(), "n");
    out.before = bson::integer_at(view.decode(), "bytes");
  });
  out.seconds = seconds_of([&] {
    mongo.aggregate(pass.collection, sum_up(work, "bytes"),
                    [&](bson::View view) { out.after = bson::integer_at(view.decode(), "bytes"); });
  });
  return out;
}

std::string collections_text(const PassGroup& group) {
  const auto collection = written_by(group.largest);
  const auto kind = collection.substr(0, collection.find('.'));
  if (kind == collection) return collection;  // datasets share it
  if (group.collections == 1) return "1 collection, " + one_line(collection, 40);
  return format_count(static_cast<std::int64_t>(group.collections)) + " collections " + kind + ".*";
}

std::int64_t scaled(std::int64_t bytes, double by) {
  return static_cast<std::int64_t>(static_cast<double>(bytes) * by);
}

struct Growth {
  std::int64_t written = 0;  // bytes of documents, as they will be
  std::int64_t oplog = 0;
  std::int64_t kept = 0;  // for undo
};

Estimate::Part part_of(Mongo& mongo, const PassGroup& group, Growth& growth) {
  const auto trial = try_pass(mongo, group.largest);
  const auto documents = static_cast<double>(group.documents);
  const double compute = trial.documents > 0 ? trial.seconds / static_cast<double>(trial.documents) : 0;
  const double ratio = trial.before > 0 && !group.largest.merge
                           ? static_cast<double>(trial.after) / static_cast<double>(trial.before)
                           : 1;
  const double kib = static_cast<double>(group.bytes) / 1024;
  const double write = group.largest.merge ? kMergeSeconds : kWriteSeconds;
  growth.written += scaled(group.bytes, ratio);
  growth.oplog += group.documents * kOplogEntry + std::max<std::int64_t>(0, scaled(group.bytes, ratio) - group.bytes);
  return {
      collections_text(group), group.documents,
      documents * (kComputedTwice * compute + write) + kib * kWriteSecondsPerKiB,
      fmt::format("Reading and computing {} of them took {:.0f} ms, and is done twice; writing takes {:.0f} µs each "
                  "and {:.0f} µs for each KiB (measured by us).",
                  format_count(trial.documents), trial.seconds * 1e3, write * 1e6, kWriteSecondsPerKiB * 1e6)};
}

struct Storage {
  double compression = 1;  // bytes on disk for a byte of documents
  std::size_t asked = 0;
};

// Of the collections with most to write.
Storage storage(Mongo& mongo, const Survey& survey) {
  std::map<std::string, std::int64_t> bytes;
  for (const auto& dataset : survey.datasets) {
    for (const auto& one : dataset.touched) bytes[one.collection] += one.bytes;
  }
  std::vector<std::pair<std::int64_t, std::string>> largest;
  for (const auto& [name, n] : bytes) largest.emplace_back(n, name);
  std::sort(largest.rbegin(), largest.rend());
  if (largest.size() > kMostStatistics) largest.resize(kMostStatistics);
  std::int64_t size = 0;
  std::int64_t stored = 0;
  for (const auto& [n, name] : largest) {
    try {
      const auto reply = mongo.command(Document{{"collStats", name}});
      size += bson::integer_at(reply, "size");
      stored += bson::integer_at(reply, "storageSize");
    } catch (const Error& error) {
      if (error.code() != Exit::kRights) throw;
      return {};  // then as if nothing were compressed
    }
  }
  // A small collection takes a page whatever is in it.
  const double ratio = size > 0 ? static_cast<double>(stored) / static_cast<double>(size) : 1;
  return {std::clamp(ratio, 0.05, 1.5), largest.size()};
}

bool has_oplog(Mongo& mongo) { return mongo.command(Document{{"hello", 1}}, "admin").has("setName"); }

Estimate::Part datasets_part(const Survey& survey, Growth& growth) {
  const auto all = static_cast<std::int64_t>(survey.datasets.size());
  const auto parked = survey.parked;
  const auto own = survey.documents_bytes + survey.files_bytes;
  growth.written += own;
  // A replacement stands in the oplog as a whole.
  growth.oplog += own + (all + 4 * parked) * kOplogEntry;
  const auto simple = static_cast<double>(all - parked);
  const double seconds = survey.checking_seconds + kRunSeconds + simple * kDatasetSeconds +
                         static_cast<double>(parked) * kParkedDatasetSeconds;
  return {
      "dataset documents, runs and views", all, seconds,
      fmt::format("Reading and preparing all of them took {:.0f} ms; writing takes {:.2f} ms each, {:.1f} ms where a "
                  "dataset is closed meanwhile ({}), and a run {:.2f} s (measured by us).",
                  survey.checking_seconds * 1e3, kDatasetSeconds * 1e3, kParkedDatasetSeconds * 1e3,
                  format_count(parked), kRunSeconds)};
}

Estimate::Part service_part(const ServiceCost& service, bool undo_log, Growth& growth) {
  growth.written += service.bytes;
  growth.oplog += service.bytes + service.documents * kOplogEntry;
  if (undo_log) growth.kept += service.bytes;
  return {"service " + service.service, service.documents,
          service.seconds + static_cast<double>(service.documents) * kServiceSeconds,
          fmt::format("Reading and preparing all of them took {}; writing takes {:.1f} ms each (measured by us).",
                      time_of(service.seconds), kServiceSeconds * 1e3)};
}

std::set<std::pair<std::string, std::string>> ways_of(const Plan& plan) {
  std::set<std::pair<std::string, std::string>> out;
  for (const auto& move : plan.datasets) out.emplace(plan.routes[move.route].from, plan.routes[move.route].to);
  return out;
}

std::set<std::pair<std::string, std::string>> ways_of(const Document& run) {
  std::set<std::pair<std::string, std::string>> out;
  const auto* ways = run.find("ways");
  for (const auto& way : ways && ways->as<Array>() ? *ways->as<Array>() : Array()) {
    if (const auto* one = way.as<Document>()) out.emplace(bson::text_at(*one, "from"), bson::text_at(*one, "to"));
  }
  return out;
}

// Where nothing but dataset documents is written, a run of the same way tells
// more than anything measured here; else it depends on how much there is to a
// dataset, which differs.
void trust_earlier_run(Mongo& mongo, const Plan& plan, const Survey& survey, Estimate::Part& part) {
  if (!survey.passes.empty()) return;
  const auto wanted = ways_of(plan);
  for (const auto& run : History(mongo).runs()) {
    const auto done = bson::integer_at(run, "datasets.done");
    const auto* seconds = run.find("seconds");
    const auto* took = seconds ? seconds->as<double>() : nullptr;
    if (bson::text_at(run, "kind") != "migrate" || bson::text_at(run, "state") != "done" ||
        bson::integer_at(run, "attempts") != 1 || done == 0 || !took || ways_of(run) != wanted) {
      continue;
    }
    part.seconds = *took / static_cast<double>(done) * static_cast<double>(part.documents);
    part.basis = "The run " + bson::text_at(run, "_id") + " took " + time_of(*took) + " for " + format_count(done) +
                 " datasets the same way.";
    return;
  }
}

}  // namespace

double Estimate::seconds() const {
  return std::accumulate(parts.begin(), parts.end(), 0.0,
                         [](double sum, const Part& part) { return sum + part.seconds; });
}

Estimate estimate(Mongo& mongo, const Plan& plan, const Survey& survey, const std::vector<ServiceCost>& services,
                  bool undo_log) {
  Estimate out;
  if (plan.nothing_to_do() && services.empty()) return out;
  Growth growth;
  for (const auto& service : services) out.parts.push_back(service_part(service, undo_log, growth));
  if (!survey.datasets.empty()) {
    out.parts.push_back(datasets_part(survey, growth));
    trust_earlier_run(mongo, plan, survey, out.parts.back());
  }
  for (const auto& group : survey.passes) out.parts.push_back(part_of(mongo, group, growth));
  const auto disk = storage(mongo, survey);
  // The undo log keeps documents as they were, all but those of collection steps.
  if (undo_log) growth.kept += survey.documents_bytes;
  out.disk_bytes = kBookkeepingBytes + scaled(growth.written + growth.kept, disk.compression * kBlocks);
  growth.oplog += growth.kept;
  if (has_oplog(mongo)) out.oplog_bytes = growth.oplog;
  const auto share = disk.asked == 0 ? "their whole size, because the user may not see statistics (collStats)"
                                     : std::to_string(static_cast<int>(disk.compression * 100)) +
                                           " % of the documents' size by the statistics of " +
                                           format_count(static_cast<std::int64_t>(disk.asked)) + " collections";
  out.basis.push_back("Disk: what is rewritten stands beside the old until the server's next checkpoint; " + share +
                      ". A backup is not counted.");
  if (out.oplog_bytes) {
    out.basis.push_back("Oplog: dataset documents whole; of others what changes, and " + format_bytes(kOplogEntry) +
                        " for each (measured by us).");
  }
  return out;
}

}  // namespace fm
