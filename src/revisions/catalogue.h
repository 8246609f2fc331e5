// Revisions as data: what a release changed in the data model, both ways.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/version.h"
#include "ops/operation.h"

namespace fm {

// What going down through a revision costs: nothing, named values, or it is
// refused where the older model cannot hold the data.
enum class DownLabel { kExact, kLossy, kRefused };

struct Revision {
  Version version;
  std::string text;    // the version as written, "0.6.2"
  std::string title;   // one line
  std::string source;  // where the rule comes from
  DownLabel down_label = DownLabel::kExact;
  std::vector<ops::Step> up;
  std::vector<ops::Step> down;
  std::string file;      // for messages
  std::string checksum;  // SHA-256 of the YAML text, hex
};

struct Catalogue {
  // Ascending by base version; no two alike.
  std::vector<Revision> database;
  std::vector<Revision> datasets;

  std::string client;    // newest open-source version known, "1.22.1"
  Specifier compatible;  // versions that client works with, ">=0.19,<2"
};

// The catalogue built into the program. Parsed once; later calls are free.
const Catalogue& built_in_catalogue();

}  // namespace fm
