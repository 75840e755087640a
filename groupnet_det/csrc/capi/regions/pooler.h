// Regions of a detector's maps, pooled to one size: groupnet_det/runtime/postprocessing/
// roi_pooling.py in C++.
#pragma once

#include <string>
#include <vector>

#include "capi/detection/boxes.h"
#include "capi/detection/maps.h"
#include "core/run/network.h"

namespace groupnet {

// Regions that go through a part at a time: many enough for the kernels, few enough for the cache.
constexpr int64_t kChunk = 64;

class Pooler {
 public:
  Pooler(const Json& json, const std::string& what, const Program& program);

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t channels() const { return channels_; }

  // The maps that it pools from, after the network has run.
  std::vector<FlatMap> maps(const Network& network, const Workspace& workspace) const;
  // (kChunk, rows, columns, channels) of as many boxes.
  std::vector<float> pool(Network& network, const std::vector<FlatMap>& maps,
                          const std::vector<Box>& boxes, int threads) const;

 private:
  // The number of the level that suits a box.
  int64_t level_of(const Box& box) const;

  std::vector<int> buffers_;  // of the levels
  std::vector<int64_t> strides_;
  int64_t rows_ = 1, columns_ = 1, sampling_ratio_ = 0, channels_ = 0;
  float canonical_box_size_ = 1, canonical_level_ = 0;
  bool aligned_ = true;
};

}  // namespace groupnet
