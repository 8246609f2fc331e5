// Archives that are one file: .zip, .tar, .tar.gz, .tgz, .tar.bz, .tar.bz2, .tbz.
#pragma once

#include <optional>
#include <string>

namespace fm::archive {

// The path without its ending, if it has one of these: the folder beside it
// that the original unpacks to, or packs.
std::optional<std::string> unpacked_name(const std::string& path);

// Unpacks to that folder, which appears at the end, complete, and gives the
// folder that holds metadata.json. A folder that was unpacked from the same
// file before is taken as it is. `fresh` says whether it was made now. Throws
// Error(kPrecondition) where another folder is in the way, Error(kMismatch)
// for a damaged file, and for entries that are links or lead out of the folder.
std::string unpack(const std::string& file, bool& fresh);
// Where unpack() puts it.
void remove_unpacked(const std::string& file);

// Packs what a folder holds, as `file`, which appears at the end. Throws
// Error(kPrecondition) where a file is there, unless `overwrite`.
void pack(const std::string& folder, const std::string& file, bool overwrite);

}  // namespace fm::archive
