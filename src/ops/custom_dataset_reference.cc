// custom: {function: dataset_reference, name: KEY, id: KEY, up: true}
// Up: the name of a dataset under `name` becomes its _id under `id`, in its
// place. Down: the reverse. A dataset that is not there leaves the document as
// it is. (1.5.3)
#include "ops/custom.h"

namespace fm::ops {

namespace {

using bson::Document;
using bson::Value;

void apply(Document& doc, const Document& arguments, Context& context) {
  const auto* up = arguments.find("up");
  const bool by_name = up && up->truthy();
  const auto& name = *arguments.find("name")->as<std::string>();
  const auto& id = *arguments.find("id")->as<std::string>();
  const auto& from = by_name ? name : id;
  const auto& to = by_name ? id : name;
  const auto at = doc.index_of(from);
  if (at == doc.size() || doc.has(to)) return;
  const auto& lookup = by_name ? context.dataset_of_name : context.name_of_dataset;
  auto found = lookup ? lookup(doc[at].value) : std::nullopt;
  if (found) doc[at] = {to, std::move(*found)};
}

}  // namespace

const CustomFunction kDatasetReference{
    .name = "dataset_reference",
    .description = "refer to a dataset by its _id instead of its name, or the reverse",
    .check =
        [](Arguments& arguments) {
          arguments.text("name");
          arguments.text("id");
          arguments.flag("up");
        },
    .apply = apply,
};

}  // namespace fm::ops
