// What the original makes of an old archive's documents by opening the dataset
// before it migrates it.
#pragma once

#include <cstdint>

#include "archive/contents.h"

namespace fm::archive {

// The field `metadata` and all frame fields lose `_cls` and get `read_only`; a
// dataset with videos gets the default frame fields that it lacks, so that
// frames keep the times they are imported with. Before migrating.
void reopen_fields(Contents& contents, std::int64_t now_ms);

// Run documents lose `_cls` and get the order of keys in which the original
// stores them; saved views get a `last_loaded_at`. After migrating.
void reopen_documents(Contents& contents);

}  // namespace fm::archive
