// What is a version is one when it is written again, and versions are ordered.
#include <string>

#include "base/error.h"
#include "base/version.h"
#include "fuzz/check.h"

using namespace fm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto version = Version::try_parse(text);
  if (version) {
    const auto again = Version::try_parse(version->str());
    fuzz::check(again && *again == *version && again->str() == version->str(), "str() is the same version");
    static const Version kMiddle = Version::parse("1.0.0");
    fuzz::check((*version < kMiddle) + (*version == kMiddle) + (*version > kMiddle) == 1, "versions are ordered");
    fuzz::check(version->base() == version->base().base(), "base() is its own base");
  }
  try {
    const auto specifier = Specifier::parse(text);
    static_cast<void>(specifier.contains("1.0.0"));
    static_cast<void>(specifier.contains(text));
    fuzz::check(Specifier::parse(specifier.str()).str() == specifier.str(), "a specifier is the same when written");
  } catch (const Error&) {
  }
  return 0;
}
