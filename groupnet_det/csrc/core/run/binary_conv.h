// One binary convolution by itself: the function after the torch op, and what tests compare.
#pragma once

#include <cstdint>
#include <functional>

#include "core/format/program.h"
#include "kernels/kernel_table.h"

namespace groupnet {

// Signs as bits, 1 for -1. `input` holds 64 channels in two words, the first 32 in the first word;
// `weight` is U8 as in a packed file. Outside, the input has the bit `pad`.
struct BinaryConv {
  int64_t images = 0, height = 0, width = 0;
  int in_channels = 0;
  const uint32_t* input = nullptr;  // (N, H, W, words_of(C))
  Tensor weight;                    // (C_out, kH, kW, ceil(C / 8))
  Window window;
  int pad = 0;

  int64_t out_height() const { return window.output(height, window.kernel_height); }
  int64_t out_width() const { return window.output(width, window.kernel_width); }
};

// Calls its argument for shares [begin, end) of [0, count).
using ParallelFor =
    std::function<void(int64_t count, const std::function<void(int64_t, int64_t)>&)>;

// Sums of products of signs, (N, H', W', C_out), by the kernels.
void binary_conv(const BinaryConv& conv, const KernelTable& kernels, const ParallelFor& in_parallel,
                 int32_t* out);

// The same by plain loops over single bits.
void plain_binary_conv(const BinaryConv& conv, int32_t* out);

}  // namespace groupnet
