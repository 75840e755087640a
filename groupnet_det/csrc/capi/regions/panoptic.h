// Panoptic networks: groupnet_det/runtime/postprocessing/panoptic.py and
// results/panoptic_segmentation.py in C++.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capi/regions/region_detection.h"

namespace groupnet {

// An object, or all pixels of a kind of stuff.
struct Segment {
  explicit Segment() = default;  // members are set by name

  bool is_thing = false;
  int64_t label = 0;  // among those of objects, or of stuff
  float score = 0;    // of objects
  int64_t area = 0;   // pixels
};

struct Segments {
  std::vector<Segment> list;
  std::vector<int32_t> map;  // of each pixel the number of its segment, from 1; 0 for none
};

class Panoptic {
 public:
  // By "info.postprocessing" of a packed file. Throws Error where it is of a kind that is not
  // known, or does not fit the network.
  Panoptic(const Json& info, const Network& network);

  int64_t num_classes() const { return detection_.num_classes(); }
  const ObjectOptions& options() const { return detection_.options(); }
  int64_t num_labels() const { return num_labels_; }
  Segments segments(Network& network, const DetectionInput& input) const;

 private:
  // Each with what the ones before have left of its mask, but for those with little left.
  void add_objects(const Objects& objects, const DetectionInput& input, Segments& found) const;
  // All free pixels of a label, where these are enough.
  void add_stuff(const std::vector<int32_t>& labels, Segments& found) const;
  std::vector<int32_t> labels(Network& network, const Workspace& workspace,
                              const DetectionInput& input) const;

  RegionDetection detection_;
  int logits_ = 0;  // buffer
  int64_t num_labels_ = 0, stuff_area_limit_ = 0;
  double overlap_threshold_ = 0;
};

}  // namespace groupnet
