// Masks of regions as masks of the image: groupnet_det/runtime/postprocessing/pasted_masks.py in
// C++, operation by operation in float32.
#pragma once

#include <cstdint>

#include "capi/detection/boxes.h"

namespace groupnet {

// Pixels [left, right) x [upper, lower).
struct Area {
  int64_t left = 0, upper = 0, right = 0, lower = 0;

  bool is_empty() const { return right <= left || lower <= upper; }
};

// Stretches a mask over its box. `pixels`, (size.height, size.width), are set to 1 where the
// probability is at least the threshold, and to 0 elsewhere in the area that is returned; others
// are left as they are.
Area paste(const RegionMask& mask, const Box& box, const PixelSize& size, float threshold,
           uint8_t* pixels);

}  // namespace groupnet
