// custom: {function: dataset_name}
// Gives a dataset its slug, and another name where the name makes none or
// clashes (0.19.0). The choice depends on all other datasets and was made
// before the run (ops/naming.h).
#include "ops/custom.h"

namespace fm::ops {

namespace {

void apply(bson::Document& doc, const bson::Document&, Context& context) {
  if (doc.has("slug") || !context.naming) return;
  for (const auto& text : context.naming->warnings) context.messages.push_back({Message::Level::kWarning, text});
  put(doc, "name", context.naming->name, context);
  put(doc, "slug", context.naming->slug, context);
}

}  // namespace

const CustomFunction kDatasetName{
    .name = "dataset_name",
    .description = "set the slug, and another name where the name has no slug or clashes",
    .check = [](Arguments&) {},
    .apply = apply,
};

}  // namespace fm::ops
