// custom: {function: similarity_runs, field, from, to, method, results}
// Gives similarity runs that moved to another class their new class names, in
// the run document and in its GridFS results (0.20.0). Run ids without a
// document, and results that cannot be read, are left alone.
#include "ops/custom.h"

namespace fm::ops {

namespace {

using bson::Document;
using bson::Value;

constexpr const char* kRuns = "runs";
constexpr const char* kResultsKey = "cls";

bool is_of_class(const Document& run, const Value& name) {
  const auto* config = run.find("config");
  const auto* fields = config ? config->as<Document>() : nullptr;
  const auto* cls = fields ? fields->find("cls") : nullptr;
  return cls && *cls == name;
}

void apply(Document& doc, const Document& arguments, Context& context) {
  const auto text = [&](const char* name) -> const std::string& { return *arguments.find(name)->as<std::string>(); };
  const auto* runs = bson::Path(text("field")).find(doc);
  const auto* mapping = runs ? runs->as<Document>() : nullptr;
  if (!mapping) return;
  for (const auto& [key, id] : *mapping) {
    if (!id.as<bson::Oid>()) continue;
    const auto* found = context.references.find(kRuns, id);
    if (!found) {
      context.messages.push_back({Message::Level::kWarning, "Run '" + key + "' of dataset '" + context.dataset_name +
                                                                "' has no document in 'runs'; skipping it"});
      continue;
    }
    if (!is_of_class(*found, *arguments.find("from"))) continue;
    Document run = *found;
    auto& edited = *run.find("config")->as<Document>();
    edited.set("cls", text("to"));
    edited.set("method", text("method"));
    auto* results = run.find("results");
    if (results && !results->is_null() && context.file_has_key && context.file_has_key(*results, kResultsKey)) {
      const auto new_id = context.make_id(text("field") + "." + key + ".results");
      context.file_patches.push_back({*results, new_id, kResultsKey, text("results")});
      *results = new_id;
    }
    context.references.replace(kRuns, id, std::move(run));
  }
}

void references(const Document& dataset, const Document& arguments, std::vector<std::pair<std::string, Value>>& out) {
  const auto* runs = bson::Path(*arguments.find("field")->as<std::string>()).find(dataset);
  const auto* mapping = runs ? runs->as<Document>() : nullptr;
  if (!mapping) return;
  for (const auto& element : *mapping) {
    if (element.value.as<bson::Oid>()) out.emplace_back(kRuns, element.value);
  }
}

}  // namespace

const CustomFunction kSimilarityRuns{
    .name = "similarity_runs",
    .description = "rename the classes of similarity runs and of their results",
    .check =
        [](Arguments& arguments) {
          for (const char* name : {"field", "from", "to", "method", "results"}) arguments.text(name);
        },
    .apply = apply,
    .references = references,
    .results_key = [](const Document& run, const Document& arguments) -> const char* {
      return is_of_class(run, *arguments.find("from")) ? kResultsKey : nullptr;
    },
};

}  // namespace fm::ops
