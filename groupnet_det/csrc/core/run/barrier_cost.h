// What it costs that the threads of a run wait for each other.
#pragma once

#include <cstdint>

namespace groupnet {

// Seconds of one barrier between so many threads that arrive at the same time: the mean of `waits`
// in a row. Throws Error where the system has no more threads.
double barrier_seconds(int threads, int64_t waits);

}  // namespace groupnet
