// Versions and specifiers as PEP 440 defines them (spec: runner 1.2, 1.3).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

class Version {
 public:
  // Accepts an optional leading "v", epoch, release, pre, post, dev and local
  // parts in every spelling of PEP 440, and surrounding white space.
  static std::optional<Version> try_parse(std::string_view text);

  // Throws Error(kIncompatible, "Invalid version: '<text>'", type
  // "packaging.version.InvalidVersion").
  static Version parse(std::string_view text);

  // Epoch and release only. Every migration decision compares base versions.
  Version base() const;

  // Normalised text: "1.0.0rc1", "1!2.0+local".
  std::string str() const;

  bool is_prerelease() const;

  // PEP 440 order; trailing zeros of the release do not count.
  std::strong_ordering operator<=>(const Version& other) const;
  bool operator==(const Version& other) const { return (*this <=> other) == 0; }

 private:
  friend class Specifier;
  struct LocalPart {
    bool numeric = false;
    std::uint64_t number = 0;
    std::string text;
  };

  std::uint64_t epoch_ = 0;
  std::vector<std::uint64_t> release_;
  std::optional<std::pair<std::string, std::uint64_t>> pre_;  // "a", "b" or "rc"
  std::optional<std::uint64_t> post_;
  std::optional<std::uint64_t> dev_;
  std::vector<LocalPart> local_;
};

// A comma-separated set of clauses with >=, <=, <, >, ==, !=, e.g. ">=0.19,<2".
class Specifier {
 public:
  // Throws Error(kIncompatible), also for "~=", "===" and wildcards.
  static Specifier parse(std::string_view text);

  // Prereleases are candidates like any other version, and an exclusive bound
  // shuts out its own prereleases and post releases: "2.0.0rc1" is not in "<2",
  // "0.19.0rc1" is not in ">=0.19", "1.0.post1" not in ">1.0". An unparsable
  // text is in no set.
  bool contains(std::string_view version) const;

  const std::string& str() const { return text_; }

 private:
  struct Clause {
    std::string op;
    Version version;
  };
  std::string text_;
  std::vector<Clause> clauses_;
};

}  // namespace fm
