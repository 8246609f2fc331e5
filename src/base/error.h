// The one error type. It ends a command; what is expected to happen is returned
// as a value instead.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace fm {

// Exit codes of fiftyone-migrator (docs/reference: exit codes). The drop-in
// `fiftyone migrate` maps them to 0, 1, 2, 3, 11, 130 and 143.
enum class Exit : int {
  kDone = 0,
  kFailed = 1,  // state is consistent
  kUsage = 2,
  kPartial = 3,  // finished, some datasets failed
  kPending = 4,
  kUnreachable = 5,  // transient: retry
  kNotFound = 10,
  kLocked = 11,
  kRights = 12,        // authentication or authorisation
  kRefused = 13,       // admin gate, or prompt declined
  kIncompatible = 14,  // version unknown or incompatible, or a loss not allowed
  kMismatch = 15,
  kPrecondition = 16,  // guard, disk, server
  kInterrupted = 130,
  kTerminated = 143,
};

// what() is one sentence: what went wrong and with which thing. `remedy` says
// what to do about it; `type` is the exception type that the original prints in
// front of the same text ("OSError", "ConnectionError", ...).
class Error : public std::runtime_error {
 public:
  Error(Exit code, const std::string& what, std::string remedy = "", std::string type = "RuntimeError")
      : std::runtime_error(what), code_(code), remedy_(std::move(remedy)), type_(std::move(type)) {}

  Exit code() const { return code_; }
  const std::string& remedy() const { return remedy_; }
  const std::string& type() const { return type_; }

 private:
  Exit code_;
  std::string remedy_;
  std::string type_;
};

}  // namespace fm
