#include "cli/command_dataset.h"
#include "cli/program.h"
#include "cli/streams.h"

int main(int argc, char** argv) {
  using namespace fm::cli;
  outlive_readers();
  Program program;
  setup_migrate(program);
  setup_plan(program);
  setup_info(program);
  setup_backup(program);
  setup_restore(program);
  setup_doctor(program);
  setup_verify(program);
  setup_history(program);
  setup_undo(program);
  setup_residue(program);
  setup_roundtrip(program);
  setup_dataset(program);
  setup_lock(program);
  setup_media(program);
  setup_completion(program);
  setup_check(program);
  setup_versions(program);
  setup_revisions(program);
  return run_program(program, argc, argv);
}
