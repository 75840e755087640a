// The few among many numbers that are above a bound.
#pragma once

#include <cstdint>
#include <vector>

#include "core/thread_pool.h"

namespace groupnet {

struct Found {
  std::vector<int64_t> index;  // rising
  std::vector<float> values;
};

// NaN is above nothing.
Found above_threshold(const float* values, int64_t count, float bound, ThreadPool& pool,
                      int threads);

}  // namespace groupnet
