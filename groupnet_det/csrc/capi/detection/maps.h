// Maps of a network that has run.
#pragma once

#include <vector>

#include "core/run/network.h"

namespace groupnet {

// All numbers of a map without gaps, copied where it has some.
class FlatMap {
 public:
  FlatMap(const Network& network, const Workspace& workspace, int buffer);
  FlatMap(FlatMap&&) = default;  // its memory moves along

  const float* data() const { return data_; }
  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  int64_t channels() const { return channels_; }
  int64_t size() const { return images_ * height_ * width_ * channels_; }

 private:
  std::vector<float> memory_;
  const float* data_;
  int64_t images_, height_, width_, channels_;
};

}  // namespace groupnet
