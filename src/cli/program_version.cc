#include "cli/program_version.h"

#include "revisions/catalogue.h"

namespace fm::cli {

std::string program_version() {
  return std::string("fiftyone-migrator " FM_VERSION " (data model ") + built_in_client() + ")";
}

}  // namespace fm::cli
