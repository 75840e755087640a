// The threads of the OpenMP runtime that torch has loaded.
#pragma once

#include "core/thread_pool.h"

namespace groupnet {

// A ThreadPool::Team. After an operation of torch they spin for milliseconds in the hope of more
// work: this is more work, where threads of our own would wait for a processor.
bool run_in_openmp_team(int threads, const ThreadPool::Job& job);

}  // namespace groupnet
