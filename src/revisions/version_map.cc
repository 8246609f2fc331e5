#include "revisions/version_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <tuple>

#include "base/error.h"
#include "embedded/version_map_csv.h"

namespace fm {
namespace {

constexpr std::string_view kHeader = "enterprise,open_source,released,source";
constexpr std::string_view kShortHeader = "enterprise,open_source";
// SDK 0.10 came with deployment 1.0.
constexpr std::uint64_t kFirstSharedMinor = 10;

// "0.13.2" is the SDK of deployment "1.3.2"; every other version is its own.
Version release_of(const Version& enterprise) {
  const std::string text = enterprise.str();
  if (!text.starts_with("0.")) return enterprise;
  std::uint64_t minor = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + 2, end, minor);
  if (error != std::errc() || minor < kFirstSharedMinor) return enterprise;
  return Version::parse(fmt::format("1.{}{}", minor - kFirstSharedMinor, std::string_view(rest, end)));
}

[[noreturn]] void bad_row(const std::string& origin, std::size_t line, const std::string& what) {
  throw Error(Exit::kUsage, fmt::format("{}:{}: {}", origin, line, what),
              fmt::format("The first line is '{}' or '{}', every other one such a row.", kShortHeader, kHeader));
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string take_field(std::string_view& row) {
  const std::size_t end = row.find(',');
  std::string field(row.substr(0, end));
  row.remove_prefix(end == std::string_view::npos ? row.size() : end + 1);
  return field;
}

VersionPair parse_row(std::string_view row) {
  VersionPair pair;
  pair.enterprise = take_field(row);
  pair.open_source = take_field(row);
  pair.released = take_field(row);
  pair.source = row;
  return pair;
}

std::string read_list(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) {
    throw Error(Exit::kUsage, "Cannot read the version list '" + file.string() + "'");
  }
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

const VersionMap& VersionMap::built_in() {
  static const VersionMap map = from_csv(embedded::version_map_csv().front().content, "enterprise-versions.csv");
  return map;
}

VersionMap VersionMap::with_file(const std::filesystem::path& file) const {
  VersionMap result = *this;
  for (const VersionPair& pair : from_csv(read_list(file), file.string()).pairs_) result.add(pair);
  return result;
}

VersionMap VersionMap::from_csv(std::string_view csv, const std::string& origin) {
  VersionMap map;
  const std::string_view header = take_line(csv);
  if (header != kHeader && header != kShortHeader) bad_row(origin, 1, "not a list of versions");
  for (std::size_t line = 2; !csv.empty(); ++line) {
    const std::string_view row = take_line(csv);
    if (row.empty()) continue;
    if (header == kShortHeader && std::count(row.begin(), row.end(), ',') != 1) {
      bad_row(origin, line, "not the two columns that the first line names");
    }
    try {
      map.add(parse_row(row));
    } catch (const Error& error) {
      bad_row(origin, line, error.what());
    }
  }
  return map;
}

void VersionMap::add(VersionPair pair) {
  const Version enterprise = Version::parse(pair.enterprise).base();
  const Key key{release_of(enterprise), enterprise, Version::parse(pair.open_source).base()};
  const auto at = std::lower_bound(keys_.begin(), keys_.end(), key, [](const Key& a, const Key& b) {
    return std::tie(a.release, a.enterprise) < std::tie(b.release, b.enterprise);
  });
  const auto index = at - keys_.begin();
  if (at != keys_.end() && at->enterprise == key.enterprise) {
    *at = key;
    pairs_[static_cast<std::size_t>(index)] = std::move(pair);
    return;
  }
  keys_.insert(at, key);
  pairs_.insert(pairs_.begin() + index, std::move(pair));
}

std::pair<VersionMap::Position, VersionMap::Position> VersionMap::of_release(const Version& release) const {
  return {std::ranges::lower_bound(keys_, release, {}, &Key::release),
          std::ranges::upper_bound(keys_, release, {}, &Key::release)};
}

const VersionPair& VersionMap::pair_at(Position key) const {
  return pairs_[static_cast<std::size_t>(key - keys_.begin())];
}

const VersionPair& VersionMap::resolve(std::string_view typed) const {
  const Version enterprise = Version::parse(typed).base();
  const auto [first, last] = of_release(release_of(enterprise));
  if (first == last) {
    auto text = fmt::format("Unknown Enterprise version '{}'; {}", typed, nearest(enterprise));
    const auto* other = newest_for_open_source(typed);
    if (other && Version::parse(other->open_source) == enterprise) {
      text += fmt::format("; it is the open-source version of Enterprise {}", other->enterprise);
    }
    throw Error(Exit::kIncompatible, text,
                "'fiftyone-migrator versions' lists the known ones, --versions FILE adds others, and an open-source "
                "version is named with --os-version.");
  }
  const Position exact = std::find_if(first, last, [&](const Key& key) { return key.enterprise == enterprise; });
  return pair_at(exact != last ? exact : first);
}

// Of the two numbers of a neighbouring release the one in the series typed.
std::string VersionMap::nearest(const Version& enterprise) const {
  const bool sdk = enterprise.str().starts_with("0.");
  const Position after = of_release(release_of(enterprise)).second;
  const auto name = [&](Position at) {
    const auto [first, last] = of_release(at->release);
    return pair_at(sdk ? first : last - 1).enterprise;
  };
  if (after == keys_.end()) return "the newest known one is " + name(after - 1);
  if (after == keys_.begin()) return "the oldest known one is " + name(after);
  return "the nearest known ones are " + name(after - 1) + " and " + name(after);
}

Version VersionMap::deployment_number(std::string_view enterprise) {
  return release_of(Version::parse(enterprise).base());
}

const VersionPair* VersionMap::newest_for_open_source(std::string_view typed) const {
  const Version wanted = Version::parse(typed).base();
  Position best = keys_.end();
  for (Position key = keys_.begin(); key != keys_.end(); ++key) {
    if (key->open_source > wanted) continue;
    if (best == keys_.end() || key->open_source >= best->open_source) best = key;
  }
  return best == keys_.end() ? nullptr : &pair_at(best);
}

}  // namespace fm
