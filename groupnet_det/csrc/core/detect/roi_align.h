// Regions of maps, pooled to one size by bilinear samples: RoIAlign (arXiv 1703.06870).
#pragma once

#include <cstdint>
#include <vector>

#include "core/thread_pool.h"
#include "kernels/kernel_table.h"

namespace groupnet {

// One map (H, W, C) of floats without gaps; `scale` pixels of it are one of the image.
struct AlignLevel {
  explicit AlignLevel() = default;  // members are set by name

  const float* map = nullptr;
  int height = 0, width = 0;
  float scale = 1;
};

struct RoiAlign {
  std::vector<AlignLevel> levels;
  int channels = 0;
  const float* boxes = nullptr;       // (R, 4): left, upper, right, lower side
  const int64_t* level_of = nullptr;  // of each box; must be valid
  int64_t num_boxes = 0;
  int rows = 1, columns = 1;  // of the result
  int sampling_ratio = 0;     // samples for each of these; 0: as many as there are pixels
  bool aligned = true;        // the centre of pixel (0, 0) is at (0.5, 0.5)
};

// `out` is (R, rows, columns, C). Where a side of a box is no number, so is the result.
void roi_align(const RoiAlign& regions, const KernelTable& kernels, ThreadPool& pool, int threads,
               float* out);

}  // namespace groupnet
