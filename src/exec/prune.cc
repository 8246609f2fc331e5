#include "exec/prune.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "exec/gridfs.h"
#include "exec/journal.h"
#include "exec/residue.h"
#include "exec/set_aside.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kAtOnce = 500;

}  // namespace

std::string find_kept_run(Mongo& mongo, const std::string& run) {
  std::set<std::string> found;
  for (const auto& one : Residue(mongo).runs()) {
    auto id = run_of_part(one.run);
    if (id == run) return run;
    if (id.starts_with(run)) found.insert(std::move(id));
  }
  if (found.size() == 1) return *found.begin();
  if (!found.empty()) throw Error(Exit::kUsage, "Several runs begin with '" + run + "'", "Give more of the id.");
  throw Error(Exit::kNotFound, "Run '" + run + "' keeps nothing", "`residue list` names those that do.");
}

Pruned prune_residue(Mongo& mongo, const PruneRequest& request) {
  Residue residue(mongo);
  if (const auto left = Journal(mongo).unfinished()) {
    throw Error(Exit::kPrecondition, "Run " + left->run + " is unfinished, and goes on with what it keeps",
                "Run its command again first.");
  }
  const auto runs_now = residue.runs();
  // To take an undo back is to do its run again, by what that kept.
  const auto needs_it = [&](const RunRecord& one) {
    return !request.run.empty() && !request.all && !is_part(one.run) && !one.repair && one.undoes == request.run;
  };
  if (const auto later = std::ranges::find_if(runs_now, needs_it); later != runs_now.end()) {
    throw Error(Exit::kPrecondition,
                "Run " + later->run + " took run " + request.run + " back, and could not be taken back without it",
                "Remove what that one kept first: fiftyone-migrator residue prune --run " + later->run);
  }
  const auto datasets = samples_of_datasets(mongo);
  const auto collections = mongo.collection_names();

  std::set<std::string> runs;      // that keep something still
  std::set<std::string> finished;  // that nothing is left of
  std::vector<Image> victims;
  std::set<std::string> used;  // files, by encoded _id
  const auto use = [&](const std::vector<Value>& files) {
    for (const auto& file : files) used.insert(id_key(file));
  };
  // What brings an image back brings back what it names.
  const auto use_files = [&](const Image& image) {
    std::vector<Value> named(image.files.begin(), image.files.end());
    for (const auto* document : {&image.before, &image.after}) {
      if (*document) add_result_files(**document, named);
    }
    for (const auto* others : {&image.others, &image.after_others}) {
      for (const auto& other : *others) add_result_file(other.document, named);
    }
    use(named);
  };
  residue.each([&](Image image) {
    const auto of = datasets.find(id_key(image.document));
    const bool orphaned = image.of_dataset() && (of == datasets.end() || !image.is_of(of->second));
    const bool goes = request.all || (request.run.empty() ? orphaned : run_of_part(image.run) == request.run);
    if (!goes) {
      runs.insert(image.run);
      use_files(image);
      return;
    }
    image.before.reset();
    image.others.clear();
    image.after.reset();
    image.after_others.clear();
    finished.insert(image.run);
    victims.push_back(std::move(image));
  });
  const auto aside = collections_set_aside(mongo, request.all ? "" : request.run);
  for (const auto& one : aside) finished.insert(one.run);
  if (request.all) {
    for (const auto& run : residue.runs()) finished.insert(run.run);
  }
  if (!request.run.empty()) {
    for (const auto& run : residue.runs()) {
      if (run_of_part(run.run) == request.run) finished.insert(run.run);
    }
  }
  for (const auto& run : runs) finished.erase(run);
  for (const auto& run : runs_now) {  // newest first
    if (run.undoes && !finished.contains(run.run)) finished.erase(*run.undoes);
  }

  Pruned out;
  std::set<std::string> named;
  std::vector<Value> files;
  for (const auto& image : victims) {
    for (const auto& file : image.files) {
      if (named.insert(id_key(file)).second) files.push_back(file);
    }
  }
  // Before 0.19.0 runs stand in the datasets.
  FindOptions runs_only;
  runs_only.projection = Document{{"annotation_runs", 1}, {"brain_methods", 1}, {"evaluations", 1}, {"runs", 1}};
  mongo.find("datasets", {}, runs_only, [&](bson::View view) {
    std::vector<Value> results;
    add_result_files(view.decode(), results);
    use(results);
  });
  Array unused;
  for (auto& file : files) {
    if (used.contains(id_key(file))) continue;
    if (mongo.find_one("runs", Document{{"results", file}})) continue;
    unused.append(std::move(file));
    ++out.files;
  }
  delete_files(mongo, unused);
  for (const auto& one : aside) {
    drop_aside(mongo, one);
    ++out.collections;
  }
  std::map<std::pair<std::string, std::string>, Array> records;  // ids of documents, by run and collection
  const auto remove = [&](const std::string& run, const std::string& collection, Array documents) {
    out.images += mongo.remove_where(
        kResidue,
        Document{{"document", Document{{"$in", std::move(documents)}}}, {"run", run}, {"collection", collection}});
  };
  for (const auto& image : victims) {
    for (const auto& collection : image.members) {
      if (collections.contains(collection)) continue;  // of a living dataset, or shared
      out.members += mongo.remove_where(kResidueMembers, members_kept_by(image.run, collection));
    }
    auto& documents = records[{image.run, image.collection}];
    documents.append(image.document);
    if (documents.size() >= kAtOnce) remove(image.run, image.collection, std::exchange(documents, {}));
  }
  for (auto& [of, documents] : records) {
    if (!documents.empty()) remove(of.first, of.second, std::move(documents));
  }
  for (const auto& run : finished) {
    out.members += mongo.remove_where(kResidueMembers, members_kept_by(run));
    mongo.remove_where(kResidue, Document{{"_id", Document{{"run", run}}}});
  }
  if (!mongo.find_one(kResidue, {})) {
    if (collections.contains(kResidue)) mongo.drop(kResidue);
    if (collections.contains(kResidueMembers)) mongo.drop(kResidueMembers);
  }
  return out;
}

}  // namespace fm
