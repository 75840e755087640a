// Faster, Cascade and Mask R-CNN: groupnet_det/runtime/postprocessing/rcnn.py in C++.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "capi/detection/candidates.h"
#include "capi/detection/detection.h"
#include "capi/regions/head.h"
#include "capi/regions/pooler.h"
#include "capi/regions/proposals.h"

namespace groupnet {

class RegionDetection : public Detection {
 public:
  RegionDetection(const Json& json, const std::string& what, const Network& network);

  int64_t num_classes() const override { return num_classes_; }
  const ObjectOptions& options() const override { return options_; }
  const double* mask_threshold() const override {
    return mask_ == nullptr ? nullptr : &mask_->threshold;
  }
  Objects detect(Network& network, const DetectionInput& input) const override;

  // The same, of a network that has run.
  Objects detect(Network& network, const Workspace& workspace, const DetectionInput& input) const;

 private:
  // A box head, and what its deltas mean.
  struct Stage {
    Head head;
    BoxCoding coding;
    int scores = 0, deltas = 0;  // buffers
    bool class_agnostic = false;
  };
  struct Mask {
    Pooler pooler;
    Head head;
    int masks = 0;  // buffer
    bool class_agnostic = false;
    double threshold = 0;
  };
  void read_stage(const Json& json, const std::string& what, const Network& network);
  void read_mask(const Json& json, const std::string& what, const Network& network);
  // Adds the candidates of at most `kChunk` regions.
  void add_candidates(Network& network, const std::vector<FlatMap>& maps, std::vector<Box> regions,
                      const DetectionInput& input, Objects& found) const;
  // Adds the probabilities of the classes of each region.
  void add_scores(const HeadMap& logits, size_t regions, std::vector<float>& total) const;
  void add_masks(Network& network, const Workspace& workspace, int threads, Objects& found) const;

  Proposals proposals_;
  Pooler pooler_;
  std::vector<Stage> stages_;
  std::unique_ptr<Mask> mask_;
  bool softmax_ = true;
  ObjectOptions options_;
  Suppression suppression_;
  double score_threshold_ = 0;
  int64_t num_classes_ = 0;
};

}  // namespace groupnet
