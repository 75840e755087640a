#include "core/plan/shapes.h"

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/message.h"
#include "core/weights/layout.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxElements = (int64_t{1} << 31) - 1;

std::string size_text(const MapSize& size) {
  return std::to_string(size.height) + " x " + std::to_string(size.width);
}

class Inference {
 public:
  Inference(const Program& program, const ImageSize& size)
      : program_(program), images_(size.images), given_{size.height, size.width} {
    shapes_.buffers.resize(program.buffers.size());
  }

  Shapes infer() {
    check_elements(given_, program_.input_channels + 2, "the image");
    const int64_t divisor = program_.size_divisor;
    shapes_.canvas = {(given_.height + divisor - 1) / divisor * divisor,
                      (given_.width + divisor - 1) / divisor * divisor};
    check_elements(shapes_.canvas, program_.input_channels + 2, "the canvas of the image");
    for (const StepSpec& step : program_.steps) infer_step(step);
    check_borders();
    return std::move(shapes_);
  }

 private:
  void infer_step(const StepSpec& step) {
    where_ = "step " + quoted(step.name);
    const MapSize size = checked(output_of(step), step.out_channels);
    for (const auto& branch : step.conv.branches) check_residual(branch, size);
    for (int buffer : step.written()) write(buffer, size);
    shapes_.steps.push_back(size);
  }

  // Each size that follows from others comes through here before it is used for anything.
  MapSize checked(const MapSize& size, int channels) const {
    require(size.height > 0 && size.width > 0,
            where_ + ": an image of " + size_text(given_) + " pixels is too small");
    check_elements(size, padded(channels), where_);
    return size;
  }

  MapSize windowed(const MapSize& input, const Window& window, int channels) const {
    return checked({window.output(input.height, window.kernel_height),
                    window.output(input.width, window.kernel_width)},
                   channels);
  }

  void check_residual(const BranchSpec& branch, const MapSize& size) const {
    if (branch.residual < 0) return;
    const MapSize& residual = written(branch.residual);
    const int64_t factor = branch.residual_factor;
    const auto side = [&](int64_t whole) {
      return factor == 0 ? 1 : (whole + factor - 1) / factor;
    };
    const MapSize expected{side(size.height), side(size.width)};
    require(residual == expected,
            where_ + ": its residual is " + size_text(residual) + ", not " + size_text(expected));
  }

  MapSize output_of(const StepSpec& step) {
    switch (step.op) {
      case StepSpec::Op::kStem: return stem_output(step);
      case StepSpec::Op::kInput: return given_;
      case StepSpec::Op::kConv: return conv_output(step);
      case StepSpec::Op::kMean: written(step.move.input); return {1, 1};
      case StepSpec::Op::kResize: return resize_output(step.move);
      case StepSpec::Op::kMaxPool:
        return windowed(written(step.move.input), step.move.pool, step.out_channels);
      case StepSpec::Op::kDepthToSpace: break;
    }
    const MapSize& input = written(step.move.input);
    return {input.height * step.move.factor, input.width * step.move.factor};
  }

  MapSize resize_output(const MoveSpec& move) const {
    const MapSize& input = written(move.input);
    const MapSize& size = move.like >= 0 ? written(move.like) : shapes_.canvas;
    require(size.height <= input.height * move.factor && size.width <= input.width * move.factor,
            where_ + " cannot make " + size_text(size) + " of " + size_text(input) + " pixels");
    return size;
  }

  MapSize stem_output(const StepSpec& step) const {
    const Window& conv = step.stem.conv;
    check_elements(with_border(shapes_.canvas, conv.padding), program_.input_channels + 2, where_);
    const MapSize size = windowed(shapes_.canvas, conv, step.out_channels);
    return step.stem.pool ? windowed(size, *step.stem.pool, step.out_channels) : size;
  }

  MapSize conv_output(const StepSpec& step) {
    std::optional<MapSize> common;
    for (const auto& branch : step.conv.branches) {
      for (const auto& term : branch.terms) {
        const MapSize own = windowed(written(term.input), term.conv, step.out_channels);
        require(!common || *common == own,
                where_ + ": its convolutions give maps of different sizes");
        common = own;
        int& border = shapes_.buffers[term.input].border;
        border = std::max(border, term.conv.padding);
      }
    }
    require(common.has_value(), where_ + " has no convolution");
    return *common;
  }

  const MapSize& written(int buffer) const {
    const BufferShape& shape = shapes_.buffers[buffer];
    require(shape.is_written,
            where_ + " reads buffer " + std::to_string(buffer) + " before it is written");
    return shape;
  }

  void write(int buffer, const MapSize& size) {
    BufferShape& target = shapes_.buffers[buffer];
    require(!target.is_written || target == size, where_ + " writes a map of " + size_text(size) +
                                                      " to buffer " + std::to_string(buffer) +
                                                      " of " + size_text(target));
    static_cast<MapSize&>(target) = size;
    target.is_written = true;
  }

  static int64_t padded(int channels) { return int64_t{blocks_of(channels)} * kBlock; }

  static MapSize with_border(const MapSize& size, int border) {
    return {size.height + 2 * int64_t{border}, size.width + 2 * int64_t{border}};
  }

  void check_elements(const MapSize& size, int64_t channels, const std::string& what) const {
    // Sides are below 2^44, channels below 2^17: no product overflows when taken in turn.
    const bool fits = size.height <= kMaxElements && size.width <= kMaxElements &&
                      images_ <= kMaxElements &&
                      size.height * size.width <= kMaxElements / images_ &&
                      size.height * size.width * images_ <= kMaxElements / channels;
    require(fits, what + ": " + std::to_string(images_) + " maps of " + size_text(size) + " with " +
                      std::to_string(channels) + " channels have more than 2^31 - 1 elements");
  }

  void check_borders() const {
    for (size_t i = 0; i < program_.buffers.size(); ++i) {
      const BufferShape& shape = shapes_.buffers[i];
      if (!shape.is_written) continue;
      check_elements(with_border(shape, shape.border), padded(program_.buffers[i].channels),
                     "buffer " + std::to_string(i));
    }
  }

  const Program& program_;
  const int64_t images_;
  const MapSize given_;
  Shapes shapes_;
  std::string where_;
};

}  // namespace

Shapes infer_shapes(const Program& program, const ImageSize& size) {
  require(size.images > 0 && size.height > 0 && size.width > 0,
          "the image is empty: " + std::to_string(size.images) + " images of " +
              size_text({size.height, size.width}) + " pixels");
  return Inference(program, size).infer();
}

}  // namespace groupnet
