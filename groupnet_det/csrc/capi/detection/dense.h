// Dense detectors: groupnet_det/runtime/postprocessing/dense_postprocessing.py in C++.
#pragma once

#include <string>
#include <vector>

#include "capi/detection/boxes.h"
#include "capi/detection/candidates.h"
#include "capi/detection/detection.h"

namespace groupnet {

class DenseDetection : public Detection {
 public:
  DenseDetection(const Json& json, const std::string& what, const Program& program);

  int64_t num_classes() const override { return num_classes_; }
  const ObjectOptions& options() const override { return options_; }
  Objects detect(Network& network, const DetectionInput& input) const override;

 private:
  struct Level {
    LevelAnchors anchors;
    int logits = 0, deltas = 0, centerness = -1;  // buffers; -1 where there is none
  };
  void read_level(const std::string& name, const Anchors& anchors, const Program& program);
  void add_candidates(Network& network, Workspace& workspace, const Level& level, int threads,
                      Objects& found) const;
  // A bound, a bit too low, on the logits whose scores are above the threshold: most are far below
  // it, and so their exponentials are spared.
  float lowest_logit() const;

  std::vector<Level> levels_;
  BoxCoding coding_;
  bool has_centerness_ = false;
  ObjectOptions options_;
  Suppression suppression_;
  double score_threshold_ = 0;
  int64_t topk_ = 0, num_classes_ = 0;
};

}  // namespace groupnet
