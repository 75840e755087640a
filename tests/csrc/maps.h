// Maps of floats as kernels take them, and what is around them, for tests.
#pragma once

#include <vector>

#include "core/format/program.h"
#include "core/weights/layout.h"
#include "kernels/kernel_table.h"

namespace groupnet_test {

// Rows and columns of the kernel, stride, padding, dilation.
inline groupnet::Window window_of(int rows, int columns, int stride, int padding, int dilation) {
  groupnet::Window window;
  window.kernel_height = rows;
  window.kernel_width = columns;
  window.stride = stride;
  window.padding = padding;
  window.dilation = dilation;
  return window;
}

// All rows of the 64 channels of a quad, of one image.
inline groupnet::RowRange rows_of(int image, int quad, int height) {
  groupnet::RowRange range;
  range.image = image;
  range.quad = quad;
  range.end_row = height;
  return range;
}

// (N, H, W, C) with channels in whole blocks.
struct FloatMap {
  int images, height, width, channels;
  std::vector<float> values;

  FloatMap(int n, int h, int w, int c)
      : images(n),
        height(h),
        width(w),
        channels(c),
        values(static_cast<size_t>(n) * h * w * padded()) {}

  int padded() const { return groupnet::blocks_of(channels) * groupnet::kBlock; }
  size_t index(int n, int y, int x, int c) const {
    return ((static_cast<size_t>(n) * height + y) * width + x) * padded() + c;
  }
  float& at(int n, int y, int x, int c) { return values[index(n, y, x, c)]; }
  float at(int n, int y, int x, int c) const { return values[index(n, y, x, c)]; }

  groupnet::MapView<float> view() { return {values.data(), image(), row(), padded()}; }
  groupnet::MapView<const float> view() const { return {values.data(), image(), row(), padded()}; }

  // Calls `run(n, y, x, c)` for all values in their order.
  template <class Run>
  void each(const Run& run) const {
    for (int n = 0; n < images; ++n) {
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          for (int c = 0; c < channels; ++c) run(n, y, x, c);
        }
      }
    }
  }

 private:
  int64_t row() const { return int64_t{width} * padded(); }
  int64_t image() const { return height * row(); }
};

}  // namespace groupnet_test
