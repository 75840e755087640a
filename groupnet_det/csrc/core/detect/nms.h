// Non-maximum suppression within classes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/thread_pool.h"

namespace groupnet {

struct Candidates {
  explicit Candidates() = default;  // members are set by name

  const float* boxes = nullptr;      // (R, 4): left, upper, right, lower side
  const float* scores = nullptr;     // (R,), no NaN
  const int64_t* classes = nullptr;  // (R,)
  int64_t count = 0;
};

// The numbers, rising, of boxes that remain: from the best score on (the first of equal ones), each
// takes away those of its class with which it has more than `threshold` of their union in common.
// Operation by operation as torchvision's `nms`.
std::vector<int64_t> nms(const Candidates& candidates, double threshold, ThreadPool& pool,
                         int threads);

}  // namespace groupnet
