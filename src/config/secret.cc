#include "config/secret.h"

#include "base/text.h"

namespace fm {

std::string Secret::masked() const { return text_.find("://") == std::string::npos ? "***" : mask_uri(text_); }

}  // namespace fm
