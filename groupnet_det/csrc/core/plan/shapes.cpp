#include "core/plan/shapes.h"

#include <algorithm>

#include "core/error.h"
#include "core/message.h"
#include "core/weights/layout.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxElements = (int64_t{1} << 31) - 1;

int64_t padded(int channels) { return int64_t{blocks_of(channels)} * kBlock; }

MapSize with_border(const MapSize& size, int border) {
  return {size.height + 2 * int64_t{border}, size.width + 2 * int64_t{border}};
}

}  // namespace

std::string size_text(const MapSize& size) {
  return std::to_string(size.height) + " x " + std::to_string(size.width);
}

ShapeInference::ShapeInference(const Program& program, const ImageSize& size)
    : program_(program), images_(size.images), given_{size.height, size.width} {
  shapes_.buffers.resize(program.buffers.size());
}

Shapes ShapeInference::infer() {
  check_elements(given_, program_.input_channels + 2, "the image");
  const int64_t divisor = program_.size_divisor;
  shapes_.canvas = {(given_.height + divisor - 1) / divisor * divisor,
                    (given_.width + divisor - 1) / divisor * divisor};
  check_elements(shapes_.canvas, program_.input_channels + 2, "the canvas of the image");
  for (const auto& step : program_.steps) infer_step(*step);
  check_borders();
  return std::move(shapes_);
}

void ShapeInference::infer_step(const Step& step) {
  where_ = "step " + quoted(step.name);
  const MapSize size = checked(step.output_size(*this), step.out_channels);
  for (int buffer : step.writes()) write(buffer, size);
  shapes_.steps.push_back(size);
}

MapSize ShapeInference::checked(const MapSize& size, int channels) const {
  require_fit(size.height > 0 && size.width > 0,
              ": an image of " + size_text(given_) + " pixels is too small");
  check_elements(size, padded(channels), where_);
  return size;
}

MapSize ShapeInference::windowed(const MapSize& input, const Window& window, int channels) const {
  return checked({window.output(input.height, window.kernel_height),
                  window.output(input.width, window.kernel_width)},
                 channels);
}

void ShapeInference::check_canvas(int border) const {
  check_elements(with_border(shapes_.canvas, border), program_.input_channels + 2, where_);
}

const MapSize& ShapeInference::of(int buffer) const {
  const BufferShape& shape = shapes_.buffers[buffer];
  require_fit(shape.is_written,
              " reads buffer " + std::to_string(buffer) + " before it is written");
  return shape;
}

void ShapeInference::need_border(int buffer, int border) {
  int& known = shapes_.buffers[buffer].border;
  known = std::max(known, border);
}

void ShapeInference::require_fit(bool condition, const std::string& message) const {
  require(condition, where_ + message);
}

void ShapeInference::write(int buffer, const MapSize& size) {
  BufferShape& target = shapes_.buffers[buffer];
  require_fit(!target.is_written || target == size, " writes a map of " + size_text(size) +
                                                        " to buffer " + std::to_string(buffer) +
                                                        " of " + size_text(target));
  static_cast<MapSize&>(target) = size;
  target.is_written = true;
}

void ShapeInference::check_elements(const MapSize& size, int64_t channels,
                                    const std::string& what) const {
  // Sides are below 2^44, channels below 2^17: no product overflows when taken in turn.
  const bool fits = size.height <= kMaxElements && size.width <= kMaxElements &&
                    images_ <= kMaxElements && size.height * size.width <= kMaxElements / images_ &&
                    size.height * size.width * images_ <= kMaxElements / channels;
  require(fits, what + ": " + std::to_string(images_) + " maps of " + size_text(size) + " with " +
                    std::to_string(channels) + " channels have more than 2^31 - 1 elements");
}

void ShapeInference::check_borders() const {
  for (size_t i = 0; i < program_.buffers.size(); ++i) {
    const BufferShape& shape = shapes_.buffers[i];
    if (!shape.is_written) continue;
    check_elements(with_border(shape, shape.border), padded(program_.buffers[i].channels),
                   "buffer " + std::to_string(i));
  }
}

Shapes infer_shapes(const Program& program, const ImageSize& size) {
  require(size.images > 0 && size.height > 0 && size.width > 0,
          "the image is empty: " + std::to_string(size.images) + " images of " +
              size_text({size.height, size.width}) + " pixels");
  return ShapeInference(program, size).infer();
}

}  // namespace groupnet
