// A document of an archive that is taken is BSON, and comes back from the text
// that is written of it; the scan and the parser agree on where it ends.
#include <cstring>

#include "archive/json_reader.h"
#include "archive/json_writer.h"
#include "archive/scan.h"
#include "archive/text_batch.h"
#include "base/error.h"
#include "fuzz/check.h"

using namespace fm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static archive::JsonReader reader;
  std::string text(reinterpret_cast<const char*>(data), size);
  text.append(archive::kTextPadding, ' ');
  const std::string_view document(text.data(), size);
  std::string out = "before";
  try {
    reader.append(document, out);
  } catch (const archive::JsonError& error) {
    fuzz::check(error.offset() <= size, "an error is within the text");
    fuzz::check(out == "before", "after an error the output is as it was");
    return 0;
  }
  fuzz::check(out.starts_with("before"), "documents are appended");
  archive::DocumentScan scan;
  const auto end = scan.run(document, archive::skip_space(document, 0));
  fuzz::check(scan.done() && archive::skip_space(document, end) == size, "the scan ends where the document does");
  try {
    const bson::View view(reinterpret_cast<const std::uint8_t*>(out.data()) + 6, out.size() - 6);
    const auto first = view.decode();
    std::string written;
    archive::write_json(view, archive::JsonStyle::kCanonical, written);
    const auto length = written.size();
    written.append(archive::kTextPadding, ' ');
    std::string again;
    reader.append(std::string_view(written).substr(0, length), again);
    fuzz::check(bson::Document::decode(reinterpret_cast<const std::uint8_t*>(again.data()), again.size()) == first,
                "read(write(x)) == x");
  } catch (const Error&) {
    // deeper than documents may be
  } catch (const archive::NotWritable&) {
    // a key that stands for a type
  }
  return 0;
}
