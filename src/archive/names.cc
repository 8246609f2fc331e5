#include "archive/names.h"

#include "base/error.h"
#include "base/text.h"
#include "bson/read.h"
#include "ops/naming.h"
#include "plan/plan.h"

namespace fm::archive {

using bson::Document;

ChosenName choose_name(Mongo& mongo, const std::optional<std::string>& name, bool overwrite, std::int64_t now_ms) {
  constexpr std::size_t kLongest = 1551;
  ChosenName out;
  out.name = name.value_or(local_stamp(now_ms, true));
  const auto length = count_code_points(out.name);
  if (length == 0 || length > kLongest) {
    throw Error(Exit::kUsage, "Invalid dataset name of " + std::to_string(length) + " characters",
                "Names have 1 to " + std::to_string(kLongest) + " characters.", "ValueError");
  }
  out.slug = ops::slugify(out.name);
  if (out.slug.empty()) {
    throw Error(Exit::kUsage, "'" + out.name + "' has invalid slug-friendly name ''; length 0 < 1",
                "Choose a name with ASCII letters or digits: --name NAME.", "ValueError");
  }
  out.replaces = mongo.find_one("datasets", Document{{"name", out.name}});
  if (out.replaces && !overwrite) {
    throw Error(Exit::kPrecondition, "Dataset name '" + out.name + "' is not available",
                "Choose another with --name, or let that dataset give way with --overwrite.", "ValueError");
  }
  if (out.replaces && bson::text_at(*out.replaces, "version") == kParkedVersion) {
    throw Error(Exit::kPrecondition, "Dataset '" + out.name + "' is half-way in a migration",
                "Finish it first: fiftyone-migrator migrate");
  }
  Document other{{"slug", out.slug}};
  if (out.replaces) other.append("_id", Document{{"$ne", *out.replaces->find("_id")}});
  if (const auto found = mongo.find_one("datasets", other)) {
    throw Error(Exit::kPrecondition,
                "Dataset name '" + out.name + "' is not available: slug '" + out.slug + "' in use by dataset '" +
                    bson::text_at(*found, "name") + "'",
                "Choose another with --name.", "ValueError");
  }
  return out;
}

void require_utf8(const std::string& text, const std::string& what, const std::string& remedy) {
  const auto clean = clean_utf8(text);
  if (clean != text) throw Error(Exit::kUsage, what + " is not UTF-8: '" + clean + "'", remedy, "ValueError");
}

}  // namespace fm::archive
