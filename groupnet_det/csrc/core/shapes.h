// Heights, widths and borders of all buffers for one size of image.
#pragma once

#include <cstdint>
#include <vector>

#include "core/program.h"

namespace groupnet {

// Of the images, or of the maps that a part is given.
struct ImageSize {
  int64_t images = 0, height = 0, width = 0;
  bool operator==(const ImageSize& other) const {
    return images == other.images && height == other.height && width == other.width;
  }
};

struct BufferShape {
  int64_t height = 0, width = 0;  // 0 where nothing has been written
  int border = 0;
};

struct Shapes {
  int64_t canvas_height = 0, canvas_width = 0;
  std::vector<BufferShape> buffers;
  std::vector<BufferShape> steps;  // outputs of the steps
};

// Throws Error where the image is too small or too large, or maps that must agree do not.
Shapes infer_shapes(const Program& program, const ImageSize& size);

}  // namespace groupnet
