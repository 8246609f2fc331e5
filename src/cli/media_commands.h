// The commands below `media`.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/program.h"

namespace fm::cli {

void setup_media_upload(Program& program, CLI::App& media);
void setup_media_rewrite(Program& program, CLI::App& media);
void setup_media_verify(Program& program, CLI::App& media);
void setup_media_undo(Program& program, CLI::App& media);

}  // namespace fm::cli
