// Where services keep their version: `migrator.versions` in the database they
// belong to.
//
//   {_id: <service>, version, left_at, previous, state, last_revision, updated_at,
//    indexes: ["<collection>/<name>"], revisions: {<id>: <checksum>},
//    run: {run, undoes, to, now, seed, undo_log, allow_drop, parameters: [{parameter, collection}],
//          revisions: [{id, checksum}], collection, after, done}}
//
// `version` is null where the service does not exist; `left_at` is then the
// version that its data were left at. `state` is clean,
// migrating or failed. `indexes` are those made here, `revisions` the applied
// ones of a deployment's own catalogue. `run` is there while a run is half-way:
// with the settings that it began with, and goes on with.
//
// In the database of FiftyOne also
//   {_id: "guess", found, left: [versions]}
// `found` is the version of the database as the first run of ours found it, and
// `left` are those that runs of ours have taken it to since.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plan/services.h"
#include "revisions/version_map.h"
#include "store/mongo.h"

namespace fm {

inline constexpr const char* kServiceVersions = "migrator.versions";

// The version of the database that the versions of services are guessed from: that
// of `config`, and where a run of ours has moved it, the one it had before. Reads only.
std::optional<std::string> version_for_guesses(Mongo& main, const std::optional<std::string>& config_version);
// Keeps that one, before a run takes the database from `config_version` to `to`.
void keep_version_for_guesses(Mongo& main, const std::optional<std::string>& config_version, const std::string& to);

// Where a service stands: as written there, else guessed: hub and enterprise
// from the version of the database (`config_version`, of version_for_guesses()),
// cas from the collections it has. Reads only.
ServiceHead read_service_head(Mongo& mongo, Service service, const std::optional<std::string>& config_version,
                              const VersionMap& versions, const Parameters& parameters);

// The run that a killed program left in a service.
struct ServiceRun {
  std::string run;     // its id
  std::string undoes;  // the run that it takes back
  std::string to;
  std::int64_t now_ms = 0;
  std::string seed;
  bool undo_log = true;
  bool allow_drop = false;
  // Nothing for a run that takes another one back: it has no steps of its own.
  std::optional<Parameters> parameters;
  std::vector<std::pair<std::string, std::string>> revisions;  // ids and checksums, in their order
  // Collections up to `collection`, in the order of work, and in that one the
  // documents up to `after`, are done; of the next ones those with these hashes.
  std::string collection;
  std::optional<bson::Value> after;
  std::string done;
};

// The document of one service.
class ServiceVersion {
 public:
  ServiceVersion(Mongo& mongo, Service service) : mongo_(mongo), service_(service) {}

  // The whole document; empty where there is none.
  bson::Document document();
  // What a document says: the version that the service or its data are at, ""
  // for none.
  static std::string stands_at(const bson::Document& document);

  std::optional<ServiceRun> unfinished();
  // `from` is "" where it is not known.
  void begin(const std::string& from, const ServiceRun& run);
  void advance(const ServiceRun& run);
  void fail();
  // The run is over. `exists`: whether that version has the service.
  void finish(const std::string& version, bool exists, const std::string& last_revision);
  // It has taken another one back: the document is what it was before that.
  void finish_undo(const bson::Document& before);

  std::vector<std::string> indexes();
  void add_index(const std::string& index);
  void forget_index(const std::string& index);

  // Checksums of a deployment's own revisions, by id.
  bson::Document revisions();
  void set_revisions(bson::Document revisions);

 private:
  void set(bson::Document fields, bson::Document unset = {});
  std::optional<bson::Document> read();

  Mongo& mongo_;
  Service service_;
};

// Applied revisions of a deployment's catalogue whose files have changed since.
std::vector<std::string> changed_revisions(Mongo& mongo, const Catalogue& catalogue, Service service);
// From now on they count as applied with the content they have.
void accept_changed_revisions(Mongo& mongo, const Catalogue& catalogue, Service service);

}  // namespace fm
