#include "ops/remove_documents.h"

#include "ops/operation.h"

namespace fm::ops {

std::optional<Steps> RemoveDocuments::inverse() const { return std::nullopt; }

}  // namespace fm::ops
