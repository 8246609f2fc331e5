// Why a backup is not brought back, found before anything is written.
#pragma once

#include <string>
#include <vector>

#include "backup/datasets_outside.h"
#include "store/mongo.h"

namespace fm::dump {

// Stored functions: a server renames nothing over these, and rights on all
// collections are none on them.
inline constexpr const char* kFunctions = "system.js";

// The first few, and how many more.
std::string some(const std::vector<std::string>& names);

// Documents of datasets and their samples stay together. Throws
// Error(kPrecondition), Error(kIncompatible) for a loss that is not allowed.
void refuse_to_part(const Outside& outside, bool allow_loss);
// The same in the middle of a restore, which nothing but a loss that is allowed
// can end then. Throws Error(kIncompatible).
void refuse_to_lose(const Outside& outside, bool allow_loss);

// What takes more rights than needed_to_restore().
struct Special {
  bool views = false;  // that replace others
  bool validators = false;
  bool functions = false;
};
// Throws Error(kRights).
void require_rights_for(Mongo& mongo, const Special& special);

}  // namespace fm::dump
