// Replacing ids in JSON text, or in a text that may hold JSON, as it comes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "archive/id_array.h"
#include "archive/new_ids.h"

namespace fm::archive {

// Looks at what stands between two quotes, wherever they come from: so JSON within
// a string of JSON is no other case. Beginning and end of the text count as
// quotes. Memory: a few hundred bytes, however long text and strings are.
class IdText {
 public:
  IdText(const NewIds& ids, std::function<void(std::string_view)> write);

  void feed(std::string_view piece);
  void finish();

 private:
  void add(std::string_view part);
  void end_token();
  // What kind of token it is, once enough of it is there.
  void decide();

  const NewIds& ids_;
  std::function<void(std::string_view)> write_;
  std::string held_;      // a token's beginning
  bool decided_ = false;  // the rest of the token goes on to `array_`, or as it is
  std::unique_ptr<IdArray> array_;
};

// The same for a text in memory.
std::string with_new_ids(const NewIds& ids, std::string_view text);

}  // namespace fm::archive
