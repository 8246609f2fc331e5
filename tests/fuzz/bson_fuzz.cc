// A document that is taken comes back to the byte, as a view tells the same of
// it, and as JSON.
#include "base/error.h"
#include "bson/difference.h"
#include "bson/document.h"
#include "bson/json.h"
#include "bson/path.h"
#include "fuzz/check.h"

using namespace fm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const bson::View view(data, size);
    const auto document = view.decode();
    const auto again = bson::encode(document);
    fuzz::check(again == view.copy(), "encode(decode(x)) == x");
    fuzz::check(bson::encoded_size(document) == size, "encoded_size");
    fuzz::check(bson::differences(document, document).empty(), "differences(x, x) is empty");
    for (const auto& [key, value] : document) {
      const auto found = view.get(key);
      const auto* first = document.find(key);
      fuzz::check(found && first && *found == *first, "the view finds what the document has");
      static_cast<void>(value.truthy());
      static_cast<void>(bson::Path("a.b").find(document));
    }
    const auto json = bson::to_canonical_json(document);
    static_cast<void>(bson::to_relaxed_json(document));
    static_cast<void>(bson::from_json(json));
  } catch (const Error&) {
  }
  return 0;
}
