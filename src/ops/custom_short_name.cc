// custom: {function: short_name, most: N}
// Cuts the name of a dataset to `most` characters, the last nine of them "-" and
// eight hexadecimal digits of SHA-256(_id), so that no two become equal, and
// makes its slug anew. (Going below 2.13.0.)
#include "base/hash.h"
#include "base/text.h"
#include "ops/custom.h"
#include "ops/naming.h"

namespace fm::ops {

namespace {

constexpr std::size_t kMark = 9;

std::string mark_of(const bson::Value& id) {
  if (const auto* oid = id.as<bson::Oid>()) {
    return sha256_hex({reinterpret_cast<const char*>(oid->bytes), sizeof oid->bytes}).substr(0, kMark - 1);
  }
  const auto encoded = bson::encode(bson::Document{{"", id}});
  return sha256_hex({reinterpret_cast<const char*>(encoded.data()), encoded.size()}).substr(0, kMark - 1);
}

void apply(bson::Document& doc, const bson::Document& arguments, Context& context) {
  const auto most = static_cast<std::size_t>(*arguments.find("most")->integer());
  const auto* name = doc.find("name");
  const auto* text = name ? name->as<std::string>() : nullptr;
  const auto* id = doc.find("_id");
  if (!text || !id || first_code_points(*text, most).size() == text->size()) return;
  auto cut = std::string(first_code_points(*text, most - kMark)) + "-" + mark_of(*id);
  if (doc.has("slug")) put(doc, "slug", slugify(cut), context);
  put(doc, "name", std::move(cut), context);
}

}  // namespace

const CustomFunction kShortName{
    .name = "short_name",
    .description = "cut long names of datasets",
    .loses = {"name", "slug"},
    .check =
        [](Arguments& arguments) {
          constexpr std::int64_t kLeast = 20;
          if (arguments.optional_integer("most").value_or(0) < kLeast)
            arguments.fail("'most' is an integer, at least 20");
        },
    .apply = apply,
};

}  // namespace fm::ops
