#include "cli/exit_codes.h"

#include <algorithm>
#include <array>

namespace fm::cli {

std::span<const ExitCode> exit_codes() {
  static constexpr std::array<ExitCode, 15> kCodes{{
      {Exit::kDone, "done", "done, or nothing to do"},
      {Exit::kFailed, "failed", "failed; the state is consistent"},
      {Exit::kUsage, "usage", "wrong usage or setting"},
      {Exit::kPartial, "partial", "finished, but some datasets or files were refused or failed; they are named"},
      {Exit::kPending, "pending", "work is pending (--check), or stopped by --max-time"},
      {Exit::kUnreachable, "unreachable", "the server cannot be reached, or the connection was lost: try again"},
      {Exit::kNotFound, "not_found", "no such database, dataset, run or folder"},
      {Exit::kLocked, "locked", "another run works on this database; the message says who"},
      {Exit::kRights, "rights", "not allowed by the server: user, password, or rights, which are named"},
      {Exit::kRefused, "refused", "refused: FIFTYONE_DATABASE_ADMIN=false, migrations disabled, or you answered no"},
      {Exit::kIncompatible, "incompatible", "a version is unknown or incompatible, or a loss was not allowed"},
      {Exit::kMismatch, "mismatch", "a checksum differs, verify found something, or the database moved since the plan"},
      {Exit::kPrecondition, "precondition",
       "a precondition fails: a guard, the disk, the server, something in the way"},
      {Exit::kInterrupted, "interrupted", "interrupted (SIGINT): the same command goes on"},
      {Exit::kTerminated, "terminated", "terminated (SIGTERM): the same command goes on"},
  }};
  return kCodes;
}

const char* name_of(Exit code) {
  const auto codes = exit_codes();
  return std::find_if(codes.begin(), codes.end(), [&](const ExitCode& one) { return one.code == code; })->name;
}

}  // namespace fm::cli
