// Candidates for objects: the best of many, and those that do not overlap with a better one.
#pragma once

#include <cstdint>
#include <vector>

#include "capi/detection/boxes.h"
#include "core/run/network.h"

namespace groupnet {

struct Scored {
  float score = 0;
  int64_t number = 0;
};

// Leaves the `count` best in falling order; equal ones in the order of torch's `topk`.
void keep_best(std::vector<Scored>& all, int64_t count);

// Numbers of the objects that remain after non-maximum suppression within classes, the best first
// and at most `most`, where that is not below 0: as `NativeNetwork.nms` in Python.
std::vector<int64_t> suppress(Network& network, const Objects& objects, double threshold,
                              int64_t most, int threads);

}  // namespace groupnet
