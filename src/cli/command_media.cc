#include "cli/media_commands.h"

namespace fm::cli {

void setup_media(Program& program) {
  auto* media = program.app.add_subcommand("media", "Uploads media, changes and checks their paths.");
  media->require_subcommand(0, 1);
  setup_media_upload(program, *media);
  setup_media_rewrite(program, *media);
  setup_media_verify(program, *media);
  setup_media_undo(program, *media);
}

}  // namespace fm::cli
