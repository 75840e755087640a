// From maps of logits to a label for each pixel.
#pragma once

#include <cstdint>

#include "core/thread_pool.h"
#include "kernels/kernel_table.h"

namespace groupnet {

// Logits (height, width, channels), resized bilinearly to (out_height, out_width) where these
// differ.
struct LabelMap {
  MapView<const float> logits;  // of its first image
  int channels = 0;
  int64_t height = 0, width = 0;
  int64_t out_height = 0, out_width = 0;

  bool keeps_size() const { return height == out_height && width == out_width; }
};

// For each pixel of the result the number of its greatest channel, the first of several; NaN counts
// as -infinity. All sizes are above 0. Throws Error where rows of the result are too large for
// memory. docs/use/c-api.md gives each operation: the bits are those of
// groupnet_det/runtime/postprocessing/segmentation.py.
void label_map(const LabelMap& map, ThreadPool& pool, int threads, int32_t* labels);

}  // namespace groupnet
