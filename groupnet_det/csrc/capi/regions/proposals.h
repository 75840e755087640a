// A region proposal network: groupnet_det/runtime/postprocessing/rpn.py in C++.
#pragma once

#include <string>
#include <vector>

#include "capi/detection/boxes.h"
#include "capi/detection/candidates.h"
#include "core/run/network.h"

namespace groupnet {

class Proposals {
 public:
  Proposals(const Json& json, const std::string& what, const Program& program);

  // Regions of an image of that size, the most certain first, after the network has run.
  std::vector<Box> regions(Network& network, const Workspace& workspace, const PixelSize& size,
                           int threads) const;

 private:
  struct Level {
    LevelAnchors anchors;
    int objectness = 0, deltas = 0;  // buffers
  };
  // Their classes are the number of the level.
  void add_candidates(const Network& network, const Workspace& workspace, size_t number,
                      const PixelSize& size, Objects& found) const;

  std::vector<Level> levels_;
  BoxCoding coding_;
  int64_t pre_nms_topk_ = 0;
  Suppression suppression_;
  float min_box_size_ = 0;
};

}  // namespace groupnet
