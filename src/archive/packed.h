// Archives that are one file: .zip, .tar, .tar.gz, .tgz, .tar.bz, .tar.bz2, .tbz.
#pragma once

#include <optional>
#include <string>

#include "archive/observer.h"

namespace fm::archive {

// The path without its ending, if it has one of these, in small letters or
// capitals: the folder beside it that the original unpacks to, or packs.
std::optional<std::string> unpacked_name(const std::string& path);
// Whether the path ends like a packed file of another kind: .tar.xz, .7z, ...
bool is_other_packed(const std::string& path);

// Unpacks to that folder, which appears at the end, complete, and gives the
// folder that holds metadata.json. A folder that was unpacked from the same
// file before is taken as it is. `fresh` says whether it was made now. Throws
// Error(kPrecondition) where another folder is in the way or another run unpacks
// the same file, Error(kMismatch) for a damaged file, for one that holds no
// archive, and for entries that are links or lead out of the folder.
std::string unpack(const std::string& file, bool& fresh, const Observer& observer);
// Where unpack() puts it.
void remove_unpacked(const std::string& file);
// The same into `folder`, an empty one of the caller's.
std::string unpack_into(const std::string& file, const std::string& folder, const Observer& observer);

// Packs what a folder holds, as the new file `file`; its ending says how. Throws
// Error(kMismatch) for what is neither a file nor a folder.
void pack(const std::string& folder, const std::string& file, const Observer& observer);

}  // namespace fm::archive
