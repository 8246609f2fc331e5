#include "ops/naming.h"

#include "base/text.h"

namespace fm::ops {

namespace {

const std::string* text_of(const bson::Value* value) { return value ? value->as<std::string>() : nullptr; }

std::string shown_name(const bson::Value* name) {
  const auto* text = text_of(name);
  return text ? *text : "None";
}

}  // namespace

std::string slugify(std::string_view name) {
  std::string out;
  for (unsigned char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    const bool dash = std::string_view(" \t\n\r\v\f+_.-").find(static_cast<char>(c)) != std::string_view::npos;
    if (letter) {
      out += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    } else if (dash && !out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

void NameBook::add(const bson::Value* name, const bson::Value* slug) {
  if (const auto* text = text_of(name)) names_.insert(*text);
  if (const auto* text = text_of(slug)) slugs_.insert(*text);
}

std::string NameBook::default_name() const {
  std::string name = local_stamp(now_ms_, false);
  // Each further default name of the same run differs in its microseconds.
  for (std::int64_t micros = 0; taken(name) || slugs_.contains(slugify(name)); ++micros) {
    name = local_stamp(now_ms_, true);
    const auto digits = std::to_string((std::stoll(name.substr(name.size() - 6)) + micros) % 1000000);
    name.replace(name.size() - digits.size(), digits.size(), digits);
  }
  return name;
}

Naming NameBook::choose(const bson::Value* name) {
  Naming out;
  if (name) out.was = *name;
  const auto* text = text_of(name);
  if (text) names_.erase(names_.find(*text));
  std::string chosen;
  if (text) {
    chosen = *text;
  } else if (!name || name->is_null()) {
    chosen = default_name();
  }
  std::string slug = slugify(first_code_points(chosen, kLongestName));
  if (slug.empty()) {
    const auto replacement = default_name();
    const auto old = shown_name(name);
    out.warnings.push_back(text ? "'" + old + "' has invalid slug-friendly name '" + slug + "'; length 0 < 1"
                                : "the dataset's name is not a string");
    out.warnings.push_back("Renaming dataset '" + old + "' to '" + replacement + "'");
    chosen = replacement;
    slug = slugify(chosen);
  }
  if (taken(chosen) || slugs_.contains(slug)) {
    const auto old = chosen;
    for (int attempt = 0; taken(chosen) || slugs_.contains(slug); ++attempt) {
      const auto stamp = local_stamp(now_ms_ + attempt, attempt > 0);
      chosen = last_code_points(old + "-RENAMED-" + stamp, kLongestName);
      slug = slugify(first_code_points(chosen, kLongestName));
    }
    out.warnings.push_back("Dataset name '" + old + "' conflicts with another dataset's name");
    out.warnings.push_back("Renaming dataset '" + old + "' to '" + chosen + "'");
  }
  names_.insert(chosen);
  slugs_.insert(slug);
  out.name = chosen;
  out.slug = std::move(slug);
  return out;
}

}  // namespace fm::ops
