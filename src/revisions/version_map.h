// Enterprise versions and the open-source data model each of them carries.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/version.h"

namespace fm {

struct VersionPair {
  std::string enterprise;   // "2.15.0"
  std::string open_source;  // "1.12.0"
  std::string released;     // "2026-02-04", or empty where it is not known
  std::string source;       // where the pair is stated, or how it was derived

  bool operator==(const VersionPair&) const = default;
};

// Before 2.0 one release carried two numbers, SDK 0.N.p and deployment
// 1.(N-10).p; both are understood. Only base versions count, as in every
// migration decision.
class VersionMap {
 public:
  // The pairs built into the program. Parsed once; later calls are free.
  static const VersionMap& built_in();

  // These pairs and those of a CSV file: the header line
  // "enterprise,open_source,released,source", then a row per version; the last
  // two columns may be left out, and the last may hold commas. A row replaces
  // the pair with the same Enterprise version. Throws Error(kUsage) naming file
  // and line.
  VersionMap with_file(const std::filesystem::path& file) const;

  // Oldest to newest; the two numbers of one release stand side by side.
  const std::vector<VersionPair>& pairs() const { return pairs_; }
  const VersionPair& newest() const { return pairs_.back(); }

  // The pair of an Enterprise version as typed ("v2.15", "1.5.0", "0.15.0"). A
  // number known only in the other series gives the pair of that one. Throws
  // Error(kIncompatible): unparsable, or unknown (naming the nearest known).
  const VersionPair& resolve(std::string_view typed) const;

  // The number in the deployment series, which orders all Enterprise versions:
  // "0.13.2" is "1.3.2". Throws Error(kIncompatible) when it is no version.
  static Version deployment_number(std::string_view enterprise);

  // The newest Enterprise version with that open-source data model, else with
  // the closest earlier one; nullptr before the first. Throws
  // Error(kIncompatible) when the text is no version.
  const VersionPair* newest_for_open_source(std::string_view typed) const;

 private:
  struct Key {
    Version release;  // base version, in the deployment series where both exist
    Version enterprise;
    Version open_source;
  };

  using Position = std::vector<Key>::const_iterator;

  static VersionMap from_csv(std::string_view csv, const std::string& origin);
  void add(VersionPair pair);
  std::pair<Position, Position> of_release(const Version& release) const;
  const VersionPair& pair_at(Position key) const;
  std::string nearest(const Version& enterprise) const;

  std::vector<VersionPair> pairs_;
  std::vector<Key> keys_;  // keys_[i] belongs to pairs_[i]; ascending by release, then number
};

}  // namespace fm
