// A catalogue file is refused, or describes itself and runs on any dataset.
#include <string_view>

#include "base/error.h"
#include "bson/json.h"
#include "fuzz/check.h"
#include "ops/operation.h"
#include "revisions/yaml.h"

using namespace fm;

namespace {

bson::Document dataset() {
  return bson::from_json(R"({"_id": {"$oid": "600000000000000000000001"}, "name": "a", "version": "1.0.0",
    "media_type": "video", "sample_collection_name": "samples.a", "frame_collection_name": "frames.samples.a",
    "app_config": {"sidebar_groups": [{"name": "tags", "paths": []}], "color_scheme": {"fields": [{"path": "x"}]}},
    "sample_fields": [{"name": "id", "ftype": "f", "fields": [{"name": "sub"}]}, {"name": "frames", "fields": null}],
    "brain_methods": {"k": {"key": "k", "config": {"cls": "c"}}}, "evaluations": {}, "saved_views": [], "tags": null})");
}

void run(const ops::Steps& steps) {
  const ops::IdGenerator ids(0, "seed");
  auto document = dataset();
  ops::Context context(*document.find("_id"), 0, ids,
                       [](const std::string&, const bson::Value&) -> std::optional<bson::Document> { return {}; });
  context.revision = "1.0.0";
  context.file_has_key = [](const bson::Value&, const std::string&) { return false; };
  for (const auto& step : steps) {
    fuzz::check(!ops::describe(step).empty(), "a step describes itself");
    static_cast<void>(ops::loses(step));
  }
  try {
    ops::apply(steps, document, context);
    for (const auto& work : context.work) static_cast<void>(ops::lower(work, context));
    static_cast<void>(bson::encode(document));
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto revision = parse_revision("file", {reinterpret_cast<const char*>(data), size});
    run(revision.up);
    run(revision.down);
  } catch (const Error& error) {
    fuzz::check(error.code() == Exit::kUsage, "what is no revision is a usage error");
  }
  return 0;
}
