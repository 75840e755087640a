// Heights, widths and borders of all buffers for one size of image.
#pragma once

#include <cstdint>
#include <string>
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

// The sizes so far, and the one gate that each size which follows from others comes through.
class ShapeInference {
 public:
  ShapeInference(const Program& program, const ImageSize& size);

  Shapes infer();

  // Of the images, or of the map that a part is given.
  const MapSize& given() const { return given_; }
  const MapSize& canvas() const { return shapes_.canvas; }
  // Throws Error where the canvas with a border is too large.
  void check_canvas(int border) const;
  // Of a buffer that a step before has written.
  const MapSize& of(int buffer) const;
  // `size`, of a map of so many channels; throws Error where it is empty or too large. To be called
  // before it is used for anything.
  MapSize checked(const MapSize& size, int channels) const;
  // Of a convolution or a pooling, checked.
  MapSize windowed(const MapSize& input, const Window& window, int channels) const;
  // That a convolution reads so many pixels around a buffer.
  void need_border(int buffer, int border);
  // Throws Error, with the name of the step before `message`, unless `condition` holds.
  void require_fit(bool condition, const std::string& message) const;

 private:
  void infer_step(const Step& step);
  void write(int buffer, const MapSize& size);
  void check_elements(const MapSize& size, int64_t channels, const std::string& what) const;
  void check_borders() const;

  const Program& program_;
  const int64_t images_;
  const MapSize given_;
  Shapes shapes_;
  std::string where_;
};

std::string size_text(const MapSize& size);

// All sizes are above 0. groupnet_det/packed/shapes.py infers the same in Python. Throws Error
// where the image is too small or too large, or maps that must agree do not.
Shapes infer_shapes(const Program& program, const ImageSize& size);

}  // namespace groupnet
