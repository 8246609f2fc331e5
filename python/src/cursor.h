// Documents of a query, pulled by Python while a thread reads ahead.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bson/document.h"

namespace fm::python {

// Hands over encoded documents in chunks of about 1 MiB; at most two are waiting,
// so memory does not grow with the result.
class Cursor {
 public:
  using Visit = std::function<void(bson::View)>;
  // `read` calls its argument for each document; it runs on the cursor's thread.
  explicit Cursor(std::function<void(const Visit&)> read);
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  // Ends the reading; a thread that waits for the server ends by itself when that
  // answers.
  ~Cursor();

  // The next chunk, back to back; nothing at the end. Waits no longer than a tenth
  // of a second: an empty chunk then. Throws what the reading threw.
  std::optional<std::string> next();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace fm::python
