// Candidates for objects: the best of many, and those that do not overlap with a better one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capi/detection/boxes.h"
#include "capi/detection/detection.h"
#include "core/run/network.h"

namespace groupnet {

struct Scored {
  float score = 0;
  int64_t number = 0;
};

// Leaves the `count` best in falling order; equal ones in the order of torch's `topk`.
void keep_best(std::vector<Scored>& all, int64_t count);

// How boxes suppress others.
struct Suppression {
  double threshold = 0;         // overlap (IoU) above which the lower score goes
  int64_t max_detections = -1;  // that remain; below 0 all
  bool class_agnostic = false;  // among all classes, else within each
};

Suppression read_suppression(const Json& json, const std::string& what,
                             const ObjectOptions& options);

// Numbers of the objects that remain after non-maximum suppression, the best first: as
// `NativeNetwork.nms` in Python.
std::vector<int64_t> suppress(Network& network, const Objects& objects, const Suppression& how,
                              int threads);

}  // namespace groupnet
