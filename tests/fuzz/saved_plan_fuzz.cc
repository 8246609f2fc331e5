// A plan that is taken is written as it was read, and planned from, whatever it
// says. The hash is set right half of the time: else nothing gets past it.
#include "base/error.h"
#include "base/hash.h"
#include "bson/json.h"
#include "fuzz/check.h"
#include "plan/saved.h"
#include "revisions/catalogue.h"

using namespace fm;

namespace {

std::string with_right_hash(const std::string& text) {
  auto document = bson::from_json(text);
  document.take("sha256");
  document.append("sha256", sha256_hex(bson::to_canonical_json(document)));
  return bson::to_canonical_json(document);
}

void use(const std::string& text) {
  const auto plan = parse_saved_plan(text, "file");
  const auto written = saved_plan_json(plan);
  fuzz::check(saved_plan_json(parse_saved_plan(written, "file")) == written, "it comes back");
  Request request;
  request.target = plan.target;
  request.names = plan.names;
  static_cast<void>(heads_of(plan, plan.heads, built_in_catalogue(), request));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const bool mend : {false, true}) {
    try {
      use(mend ? with_right_hash(text) : text);
    } catch (const Error&) {
    }
  }
  return 0;
}
