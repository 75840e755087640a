// Heights, widths and borders of all buffers for one size of image.
#pragma once

#include <cstdint>
#include <vector>

#include "core/format/program.h"

namespace groupnet {

// Of the images, or of the maps that a part is given.
struct ImageSize {
  int64_t images = 0, height = 0, width = 0;
  bool operator==(const ImageSize& other) const {
    return images == other.images && height == other.height && width == other.width;
  }
};

struct MapSize {
  int64_t height = 0, width = 0;
  bool operator==(const MapSize& other) const {
    return height == other.height && width == other.width;
  }
};

struct BufferShape : MapSize {
  bool is_written = false;  // else it has no size
  int border = 0;
};

struct Shapes {
  MapSize canvas;
  std::vector<BufferShape> buffers;
  std::vector<MapSize> steps;  // outputs of the steps
};

// All sizes are above 0. groupnet_det/packed/shapes.py infers the same in Python. Throws Error
// where the image is too small or too large, or maps that must agree do not.
Shapes infer_shapes(const Program& program, const ImageSize& size);

}  // namespace groupnet
