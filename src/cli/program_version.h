#pragma once

#include <string>

namespace fm::cli {

// "fiftyone-migrator 0.1.0 (data model 1.22.1)"
std::string program_version();

}  // namespace fm::cli
