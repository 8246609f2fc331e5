// Running many independent jobs on a few threads.
#pragma once

#include <cstddef>
#include <functional>

namespace fm {

// Calls work(index, worker) once for every index below `count`. Indices are
// handed out in ascending order; `worker` is below `jobs` and tells apart the
// calls that run at the same time, so it can pick a connection or a buffer. The
// calling thread is one of the workers; with jobs <= 1 it is the only one.
//
// After an exception no new index is handed out. When all workers have stopped,
// the exception with the lowest index is rethrown.
void parallel_for(std::size_t jobs, std::size_t count,
                  const std::function<void(std::size_t index, std::size_t worker)>& work);

}  // namespace fm
