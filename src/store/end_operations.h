// What a server still does for a process that is gone.
#pragma once

#include <string>

#include "store/mongo.h"

namespace fm {

// When this returns, nothing that the process wrote will still take effect.
// `connections` is its MongoDriver::connections(); for anything else nothing is done.
//
// A write that had left a process when it was killed is carried out, or lies
// unread in the connection, and would come after what the next run has found:
// a collection dropped by that run would be there again. So what is at work is
// stopped (killOp), and connections have to be gone, or without work in two
// looks. Users see and stop their own operations without any right of their own;
// where the server shows nothing, two seconds have to do. Two round trips where
// nothing is left. Throws Error(kLocked), after eight seconds, for what cannot
// be stopped.
void end_operations_of(Mongo& mongo, const std::string& connections);

}  // namespace fm
