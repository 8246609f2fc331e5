// Revisions as data: what a release changed in the data model, both ways.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/version.h"
#include "ops/operation.h"
#include "revisions/service.h"

namespace fm {

// What going down through a revision costs: nothing, named values, or it is
// refused where the older model cannot hold the data.
enum class DownLabel { kExact, kLossy, kRefused };

struct Revision {
  Version version;
  std::string text;    // the version as written, "0.6.2"
  std::string id;      // the file's name without ".yaml": the version, or the version and a word, "1.6.0-groups"
  std::string title;   // one line
  std::string source;  // where the rule comes from
  DownLabel down_label = DownLabel::kExact;
  std::vector<ops::Step> up;
  std::vector<ops::Step> down;
  std::string file;      // for messages
  std::string checksum;  // SHA-256 of the YAML text, hex
  bool built_in = true;  // else of a deployment's own catalogue

  bool named_after_version() const { return id == text || id.starts_with(text + "-"); }
};

struct Catalogue {
  // Ascending by base version, those of one version by id; no two ids alike.
  std::vector<Revision> database;
  std::vector<Revision> datasets;
  // Their versions are Enterprise versions, in the deployment series.
  std::vector<Revision> enterprise;
  std::vector<Revision> hub;
  std::vector<Revision> cas;

  std::string client;    // newest open-source version known, "1.22.1"
  Specifier compatible;  // versions that client works with, ">=0.19,<2"

  const std::vector<Revision>& of(Service service) const;

  // These revisions and those of a deployment: DIR/<service>/*.yaml. Throws
  // Error(kUsage) naming file, line and column for what is no revision, for an
  // id that is there already, and for a folder that is none of a service.
  Catalogue with_directory(const std::filesystem::path& directory) const;
};

// Its `client` and `compatible`, without parsing it.
const char* built_in_client();
const Specifier& built_in_compatible();

// The catalogue built into the program. Parsed once; later calls are free.
const Catalogue& built_in_catalogue();

}  // namespace fm
