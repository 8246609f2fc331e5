// Where a test can end the program.
#pragma once

namespace fm {

// Called before and after every write to a server. Does nothing; a test program
// that defines it itself is linked with its own.
void fault_point();

}  // namespace fm
