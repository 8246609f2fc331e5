// Takes one service along its route.
//
// Order: the version document says "migrating"; indexes that go are dropped;
// documents, collection by collection in the order of _id; indexes are made; the
// version document says where the service stands. Documents are read in batches,
// taken through all revisions in memory, and written with replacements that are
// guarded by what was read. Ahead of a batch its results' hashes are written to
// the version document: a killed run goes on there, and no document is edited
// twice. Reads every document of the collections once; writes those that
// change, their images to the residue, and one small document per batch.
//
// What a way down displaced or removed comes back on the way up: from its image
// follows what the document would be without the detour, and a three-way merge
// carries that over to what it has become (exec/residue.h, bson/merge.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "exec/control.h"
#include "exec/report.h"
#include "exec/residue.h"
#include "exec/service_duplicates.h"
#include "exec/service_edit.h"
#include "exec/service_versions.h"

namespace fm {

// What a step takes away that the way back does not make again.
struct ServiceLoss {
  Service service;
  std::string revision;
  std::string what;  // "memberships role", "documents of cloud_credentials"
  std::int64_t documents = 0;
  std::vector<std::string> examples;  // names or ids, up to three
};

struct ServiceSurvey {
  struct Collection {
    std::string name;
    std::int64_t edited = 0;
    std::int64_t removed = 0;
    std::int64_t restored = 0;  // of these and of what was removed, from the undo log
    std::int64_t bytes = 0;     // of all, as they are stored now or will be
  };
  std::vector<Collection> collections;  // with something to do
  std::vector<std::string> absent;      // that the steps name and the database lacks
  std::vector<ServiceLoss> losses;
  std::vector<std::string> indexes;  // "make orgs.id_1", "drop ..."
  // What keeps a unique index from being made: a run leaves such an index out. Of
  // one that is there: the server would keep documents out of it.
  std::vector<ServiceDuplicate> duplicates;
  std::vector<std::string> warnings;  // of the first documents that cause some
  std::int64_t more_warnings = 0;     // beside these
};

struct ServiceReport {
  Service service;
  std::string from;  // "" where it was not known
  std::string to;
  std::int64_t edited = 0;
  std::int64_t removed = 0;
  std::int64_t restored = 0;
  std::vector<std::string> left = {};  // what an undo leaves as it is, in words
};

struct ServiceSettings {
  std::string run;             // the run's id
  bool undo_log = true;        // keep images of what is edited
  bool allow_drop = false;     // collections of a service that does not exist at the target
  Control* control = nullptr;  // outlives the runner
};

struct ServiceWork;

class ServiceRunner {
 public:
  // `home` is the database of the service, `main` that of the datasets.
  ServiceRunner(Mongo& home, Mongo& main, const Catalogue& catalogue, const Parameters& parameters,
                ServiceSettings settings, RunObserver& observer)
      : home_(home),
        main_(main),
        catalogue_(catalogue),
        parameters_(parameters),
        settings_(settings),
        observer_(observer) {}

  // Writes nothing. Throws Error(kPrecondition) when a guard refuses.
  ServiceSurvey survey(const ServiceRoute& route, std::int64_t now_ms, const std::string& seed);

  // Throws what ends it; the version document then says "failed", or
  // "migrating" where even that could not be written.
  ServiceReport run(const ServiceRoute& route, std::int64_t now_ms, const std::string& seed);

  // Finishes the run that a killed program left, to its own target and with the
  // settings that it began with; nothing where there is none. Throws
  // Error(kPrecondition) for one with other revisions than there are now.
  std::optional<ServiceReport> roll_forward(Service service);

  // What a run did to a service (`part`: its record) is taken back, by a merge
  // of what it found, what it left and what is there now: what others have
  // changed since stays. It may have ended half-way. Documents that it kept
  // nothing of came since: they go the way back by its steps, where the run had
  // come to its end. The documents and their images are read once each, the ids of
  // images once more, and written where they change.
  //
  // Whether the service was moved since, in words.
  std::optional<std::string> moved_since(Service service, const RunRecord& part);
  // What keeps it from being taken back, in words: that, values that the run wrote
  // and that were changed since, what its steps cannot take back, and values that
  // stand twice where a unique index comes back.
  std::vector<std::string> obstacles(Service service, const RunRecord& part);
  // Such documents and indexes are left as they are, whole, and named in the report;
  // the run then does not count as taken back. Done twice, or killed and done again,
  // is done once.
  ServiceReport undo(Service service, const RunRecord& part, std::int64_t now_ms, const std::string& seed);

 private:
  ServiceReport go(const ServiceRoute& route, ServiceRun run, bool begun);
  void drop_indexes(ServiceWork& work, const ServiceSteps& steps);
  // Those that are left out, because values stand twice.
  std::vector<ServiceIndex> make_indexes(ServiceWork& work, const std::vector<ServiceIndex>& indexes);
  // False, with a warning, where values stand twice.
  bool make_index(const std::string& collection, const bson::Document& definition);
  // Those to be made, and those that are there on the collections that are `written`
  // to, without those of `ours` (ServiceVersion::indexes) that go.
  ServiceDuplicates unique_indexes(const std::vector<ServiceIndex>& indexes, const std::set<std::string>& there,
                                   const std::vector<std::string>& written, const std::vector<std::string>& ours);
  bson::Array definitions(Service service);
  // A run that was stopped, or lost its server, is not one that failed.
  static void note_failure(ServiceWork& work, const Error& error);

  // service_documents.cc
  void edit_collection(ServiceWork& work, const std::string& collection);
  void edit_batch(ServiceWork& work, const std::string& collection, std::vector<bson::Bytes> batch,
                  const std::set<std::string>& done);
  // What a way up may give back to these documents.
  static std::map<std::string, std::vector<Image>> images_for(ServiceWork& work, const std::string& collection,
                                                              const std::vector<bson::Bytes>& documents);
  std::optional<ServiceEdit> only_image(ServiceWork& work, const std::string& collection, const bson::Bytes& bytes);
  const ServiceSteps& steps(ServiceWork& work, const std::string& from, const std::string& to);
  std::optional<bson::Document> moved(ServiceWork& work, const std::string& collection, const bson::Document& document,
                                      const std::string& from, const std::string& to);
  std::optional<ServiceEdit> edit(ServiceWork& work, const std::string& collection, bson::Bytes before,
                                  const std::vector<Image>* images);
  void return_removed(ServiceWork& work, const std::string& collection);
  // What comes back of the documents that a way down has removed, in batches.
  void each_returned(ServiceWork& work, const std::string& collection,
                     const std::function<void(const std::vector<ServiceEdit>&)>& visit);
  std::optional<ServiceEdit> returned(ServiceWork& work, const std::string& collection,
                                      const std::vector<Image>& images);
  void write(ServiceWork& work, const std::string& collection, const std::vector<ServiceEdit>& batch);
  static std::vector<Image> images_of(const ServiceWork& work, const std::string& collection,
                                      const std::vector<ServiceEdit>& batch);
  bool write_again(ServiceWork& work, const std::string& collection, const bson::Value& id);
  std::optional<ServiceEdit> edit_again(ServiceWork& work, const std::string& collection, const bson::Document& now);

  // service_undo.cc
  ServiceReport take_back(Service service, const RunRecord& part, ServiceRun run);
  // Every document that the run has touched, with its image and as it is now, in
  // batches of one collection.
  using TouchedBatch = std::vector<std::pair<Image, std::optional<bson::Document>>>;
  void touched(const RunRecord& part, const std::function<void(const std::string&, TouchedBatch)>& visit);
  // The way of what the run kept nothing of, from the version document as it was
  // before the undo; without revisions where there is none.
  ServiceRoute way_back(Service service, const RunRecord& part, const bson::Document& found);
  // Those documents, in batches, of the collections on that way and of `others`;
  // without those that the undo has written before it was killed.
  void untouched(ServiceWork& work, const RunRecord& part, const std::set<std::string>& others,
                 const std::function<void(const std::string&, const std::vector<bson::Bytes>&)>& visit);
  std::optional<ServiceEdit> derived(ServiceWork& work, const std::string& collection, const bson::Bytes& bytes,
                                     std::vector<std::string>& left);
  static std::optional<ServiceEdit> taken_back(const std::string& collection, const Image& image,
                                               const std::optional<bson::Document>& now,
                                               std::vector<std::string>& conflicts);
  void make_collections(const RunRecord& part);
  void make_their_indexes(const RunRecord& part, std::vector<std::string>& left);
  void drop_collections(const RunRecord& part);
  void drop_made_indexes(ServiceWork& work, const RunRecord& part);
  // Those that the run dropped; `noted`: when the undo began.
  std::vector<ServiceIndex> dropped_indexes(Service service, const RunRecord& part,
                                            const std::vector<std::string>& noted);

  Mongo& home_;
  Mongo& main_;
  const Catalogue& catalogue_;
  Parameters parameters_;
  ServiceSettings settings_;
  RunObserver& observer_;
};

}  // namespace fm
