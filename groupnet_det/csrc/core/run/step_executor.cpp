#include "core/run/step_executor.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/weights/layout.h"

namespace groupnet {

namespace {

// The share [begin, end) of `count` items of one thread.
struct Share {
  int64_t begin, end;
  Share(int64_t count, int thread, int threads)
      : begin(count * thread / threads), end(count * (thread + 1) / threads) {}
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void StepExecutor::run(size_t first, size_t end, double* seconds) {
  double start = now();
  share_ = thread_;
  for (size_t i = first; i < end; ++i) {
    run_step(program_.steps[i], workspace_.steps()[i]);
    const bool section_ends = i + 1 == end || workspace_.steps()[i + 1].starts_section;
    // Within a section, the thread that had the smaller share of a step gets another one.
    share_ = section_ends ? thread_ : (share_ + 1) % threads_;
    if (section_ends || seconds != nullptr) barrier_.wait();
    if (seconds != nullptr && thread_ == 0) {
      double time = now();
      seconds[i - first] = time - start;
      start = time;
    }
  }
}

void StepExecutor::run_step(const StepSpec& spec, const PlannedStep& step) {
  for (const Border& border : step.borders) fill_border(border);
  const int64_t images = workspace_.size().images;
  const auto rows = [&](auto kernel, const auto& args) {
    in_rows(images, args.height,
            [&](int image, int begin, int end) { kernel(args, image, begin, end); });
  };
  switch (spec.op) {
    case StepSpec::Op::kStem: run_stem(step); break;
    case StepSpec::Op::kInput: run_input(step.input); break;
    case StepSpec::Op::kConv: run_conv(step); break;
    case StepSpec::Op::kResize: rows(kernels_.resize, step.resize); break;
    case StepSpec::Op::kMaxPool: rows(kernels_.max_pool, step.max_pool); break;
    case StepSpec::Op::kDepthToSpace: rows(kernels_.depth_to_space, step.depth_to_space); break;
    case StepSpec::Op::kMean:
      in_rows(images, blocks_of(spec.out_channels),
              [&](int image, int begin, int end) { kernels_.mean(step.mean, image, begin, end); });
      break;
  }
}

template <class Run>
void StepExecutor::in_rows(int64_t images, int64_t height, const Run& run) {
  Share share(images * height, share_, threads_);
  for (int64_t item = share.begin; item < share.end;) {
    int64_t image = item / height, row = item % height;
    int64_t rows = std::min(height - row, share.end - item);
    run(static_cast<int>(image), static_cast<int>(row), static_cast<int>(row + rows));
    item += rows;
  }
}

void StepExecutor::run_stem(const PlannedStep& step) {
  expand_rows(step.pixels);
  barrier_.wait();
  auto* scratch = reinterpret_cast<int32_t*>(workspace_.scratch(thread_));
  in_rows(workspace_.size().images, step.stem.height, [&](int image, int begin, int end) {
    kernels_.stem(step.stem, image, begin, end, scratch);
  });
}

// Bytes to 16-bit numbers, with zeros in all that is no image.
void StepExecutor::expand_rows(const PixelMap& pixels) {
  const ImageSize& size = workspace_.size();
  const int64_t row_size = size.width * program_.input_channels;
  in_rows(size.images, pixels.rows, [&](int image, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int16_t* to = pixels.map.at(image, row, 0);
      const int64_t y = row - pixels.border;
      if (y < 0 || y >= size.height) {
        std::fill_n(to, pixels.map.row_stride, int16_t{0});
        continue;
      }
      const uint8_t* from = given_.images + (image * size.height + y) * row_size;
      int16_t* inside = std::fill_n(to, pixels.border * program_.input_channels, int16_t{0});
      std::fill(std::copy(from, from + row_size, inside), to + pixels.map.row_stride, int16_t{0});
    }
  });
}

void StepExecutor::run_input(InputArgs args) {
  const ImageSize& size = workspace_.size();
  args.values.origin = given_.maps;
  in_rows(size.images, size.height,
          [&](int image, int begin, int end) { kernels_.input(args, image, begin, end); });
}

// Items are rows of 64 channels: of all branches in turn, or of all together where they join.
void StepExecutor::run_conv(const PlannedStep& step) {
  const ConvArgs& conv = step.conv;
  const int64_t branches = conv.join != nullptr ? 1 : conv.num_branches;
  const int64_t quads = (conv.blocks + kQuadBlocks - 1) / kQuadBlocks;
  const int64_t height = conv.height;
  Share share(step.images * branches * quads * height, share_, threads_);
  for (int64_t item = share.begin; item < share.end;) {
    int64_t row = item % height, rest = item / height;
    int64_t rows = std::min(height - row, share.end - item);
    RowRange range;
    range.first_row = static_cast<int>(row);
    range.end_row = static_cast<int>(row + rows);
    range.quad = static_cast<int>(rest % quads);
    range.branch = static_cast<int>(rest / quads % branches);
    range.image = static_cast<int>(rest / quads / branches);
    if (conv.join != nullptr) {
      kernels_.joined_conv(conv, range, workspace_.scratch(thread_), workspace_.scratch_size());
    } else {
      kernels_.conv(conv, range);
    }
    item += rows;
  }
}

// Kernels never write the border.
void StepExecutor::fill_border(const Border& border) {
  const auto fill = [&](uint8_t* to, int64_t pixels) {
    if (border.uniform) {
      std::memset(to, *border.pixel, static_cast<size_t>(pixels * border.pixel_bytes));
      return;
    }
    for (int64_t i = 0; i < pixels; ++i, to += border.pixel_bytes) {
      std::memcpy(to, border.pixel, static_cast<size_t>(border.pixel_bytes));
    }
  };
  const int64_t width = border.width + 2 * border.size;
  const int64_t row_bytes = width * border.pixel_bytes;
  const int64_t rows = border.height + 2 * border.size;
  in_rows(workspace_.size().images, rows, [&](int64_t image, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      uint8_t* to = border.memory + (image * rows + row) * row_bytes;
      if (row < border.size || row >= border.size + border.height) {
        fill(to, width);
      } else {
        fill(to, border.size);
        fill(to + row_bytes - border.size * border.pixel_bytes, border.size);
      }
    }
  });
}

}  // namespace groupnet
