#include "core/shapes.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/layout.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxElements = (int64_t{1} << 31) - 1;
constexpr int64_t kMaxTotal = int64_t{1} << 31;  // 8 GiB of floats

std::string size_text(int64_t height, int64_t width) {
  return std::to_string(height) + " x " + std::to_string(width);
}

class Inference {
 public:
  Inference(const Program& program, const ImageSize& size) : program_(program), size_(size) {
    shapes_.buffers.resize(program.buffers.size());
  }

  Shapes infer() {
    check_elements(size_.height, size_.width, program_.input_channels + 2, "the image");
    for (const StepSpec& step : program_.steps) infer_step(step);
    for (const auto& [name, buffer] : program_.outputs) {
      require(shapes_.buffers[buffer].height > 0, "output '" + name + "' is never written");
    }
    check_total();
    return std::move(shapes_);
  }

 private:
  void infer_step(const StepSpec& step) {
    where_ = "step '" + step.name + "'";
    check_hazards(step);
    BufferShape shape = output_of(step);
    require(
        shape.height > 0 && shape.width > 0,
        where_ + ": an image of " + size_text(size_.height, size_.width) + " pixels is too small");
    for (int buffer : step.residuals()) {
      const BufferShape& residual = written(buffer);
      require(residual.height == shape.height && residual.width == shape.width,
              where_ + ": its residual is " + size_text(residual.height, residual.width) +
                  ", its output " + size_text(shape.height, shape.width));
    }
    for (int buffer : step.written()) write(buffer, shape, step.out_channels);
    shapes_.steps.push_back(shape);
  }

  BufferShape output_of(const StepSpec& step) {
    switch (step.op) {
      case StepSpec::Op::kStem: return stem_output(step.stem);
      case StepSpec::Op::kConv: return conv_output(step.conv);
      case StepSpec::Op::kMean: written(step.mean.input); break;
    }
    return {1, 1, 0};
  }

  BufferShape stem_output(const StemSpec& stem) const {
    const Window& conv = stem.conv;
    check_elements(size_.height + 2 * conv.padding, size_.width + 2 * conv.padding,
                   program_.input_channels + 2, where_);
    BufferShape shape{conv.output(size_.height, conv.kernel_height),
                      conv.output(size_.width, conv.kernel_width), 0};
    if (stem.pool && shape.height > 0 && shape.width > 0) {
      shape.height = stem.pool->output(shape.height, stem.pool->kernel_height);
      shape.width = stem.pool->output(shape.width, stem.pool->kernel_width);
    }
    return shape;
  }

  BufferShape conv_output(const ConvSpec& conv) {
    BufferShape shape;
    for (const auto& branch : conv.branches) {
      for (const auto& term : branch.terms) {
        const BufferShape& input = written(term.input);
        BufferShape own{term.conv.output(input.height, term.conv.kernel_height),
                        term.conv.output(input.width, term.conv.kernel_width), 0};
        require(shape.height == 0 || (shape.height == own.height && shape.width == own.width),
                where_ + ": its convolutions give maps of different sizes");
        shape = own;
        int& border = shapes_.buffers[term.input].border;
        border = std::max(border, term.conv.padding);
      }
    }
    return shape;
  }

  const BufferShape& written(int buffer) const {
    const BufferShape& shape = shapes_.buffers[buffer];
    require(shape.height > 0,
            where_ + " reads buffer " + std::to_string(buffer) + " before it is written");
    return shape;
  }

  void write(int buffer, const BufferShape& shape, int channels) {
    BufferShape& target = shapes_.buffers[buffer];
    require(target.height == 0 || (target.height == shape.height && target.width == shape.width),
            where_ + " writes a map of " + size_text(shape.height, shape.width) + " to buffer " +
                std::to_string(buffer) + " of " + size_text(target.height, target.width));
    target.height = shape.height;
    target.width = shape.width;
    check_elements(shape.height, shape.width, blocks_of(channels) * kBlock, where_);
  }

  // Threads work on a step's branches and rows in any order: none may write what another reads.
  void check_hazards(const StepSpec& step) const {
    std::set<int> targets;
    for (int buffer : step.written()) {
      require(targets.insert(buffer).second, where_ + " writes a buffer twice");
    }
    for (int buffer : step.convolved()) {
      require(targets.count(buffer) == 0, where_ + " writes what its convolutions read");
    }
    if (step.conv.join) return;  // reads all residuals of a place before it writes there
    const auto& branches = step.conv.branches;
    for (size_t reader = 0; reader < branches.size(); ++reader) {
      for (size_t writer = 0; writer < branches.size(); ++writer) {
        if (reader == writer || !branches[writer].sinks) continue;
        for (int buffer : branches[writer].sinks->buffers()) {
          require(buffer != branches[reader].residual,
                  where_ + ": a branch writes the residual of another");
        }
      }
    }
  }

  void check_elements(int64_t height, int64_t width, int64_t channels,
                      const std::string& what) const {
    // Sides are below 2^31 and channels below 2^17: no product overflows when taken in turn.
    bool fits = height <= kMaxElements && width <= kMaxElements && size_.images <= kMaxElements &&
                height * width <= kMaxElements / size_.images &&
                height * width * size_.images <= kMaxElements / channels;
    require(fits, what + ": " + std::to_string(size_.images) + " maps of " +
                      size_text(height, width) + " with " + std::to_string(channels) +
                      " channels have more than 2^31 - 1 elements");
  }

  void check_total() const {
    int64_t total = 0;
    for (size_t i = 0; i < program_.buffers.size(); ++i) {
      const BufferShape& shape = shapes_.buffers[i];
      if (shape.height == 0) continue;
      const BufferSpec& buffer = program_.buffers[i];
      int64_t channels =
          buffer.bits ? words_of(buffer.channels) : blocks_of(buffer.channels) * int64_t{kBlock};
      int64_t height = shape.height + 2 * shape.border, width = shape.width + 2 * shape.border;
      check_elements(height, width, channels, "buffer " + std::to_string(i));
      total += size_.images * height * width * channels;
      require(total <= kMaxTotal, "an image of this size needs more than 8 GiB of memory");
    }
  }

  const Program& program_;
  const ImageSize size_;
  Shapes shapes_;
  std::string where_;
};

}  // namespace

Shapes infer_shapes(const Program& program, const ImageSize& size) {
  require(size.images > 0 && size.height > 0 && size.width > 0,
          "the image is empty: " + std::to_string(size.images) + " images of " +
              size_text(size.height, size.width) + " pixels");
  return Inference(program, size).infer();
}

}  // namespace groupnet
