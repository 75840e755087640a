#include "core/run/step_executor.h"

#include <chrono>
#include <cstring>

namespace groupnet {

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void StepExecutor::run(size_t first, size_t end, double* seconds) {
  const auto& steps = workspace_.steps();
  double start = now();
  for (size_t i = first; i < end; ++i) {
    for (const Border& border : steps[i].borders) fill_border(border);
    steps[i].planned->run(worker_);
    const bool section_ends = i + 1 == end || steps[i + 1].starts_section;
    section_ends ? worker_.start_section() : worker_.change_share();
    if (section_ends || seconds != nullptr) worker_.wait();
    if (seconds != nullptr && worker_.is_first()) {
      double time = now();
      seconds[i - first] = time - start;
      start = time;
    }
  }
}

// Kernels never write the border.
void StepExecutor::fill_border(const Border& border) const {
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
  worker_.in_rows(worker_.size().images, rows, [&](int64_t image, int64_t begin, int64_t end) {
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
