// Weights and constants in the order in which kernels read them.
#pragma once

#include <vector>

#include "core/format/packed_file.h"
#include "core/memory/arena.h"
#include "kernels/kernel_table.h"

namespace groupnet {

inline int blocks_of(int channels) { return (channels + kBlock - 1) / kBlock; }
inline int quads_of(int channels) { return (channels + 63) / 64; }
// Words of a pixel: two for each quad.
inline int words_of(int channels) { return 2 * quads_of(channels); }

// Signs, U8 (C_out, kH, kW, bytes), in pairs of words.
const uint32_t* lay_out_signs(const Tensor& weight, int in_channels, const KernelTable& kernels,
                              Arena& arena);
// F32 (C_out, kH, kW, C_in).
const float* lay_out_floats(const Tensor& weight, int group_blocks, Arena& arena);
// I8 (C_out, kH, kW, C_in), in fours of channels, of which there are whole blocks.
const int8_t* lay_out_bytes(const Tensor& weight, const KernelTable& kernels, Arena& arena);
inline int fours_of(int channels) { return blocks_of(channels) * (kBlock / 4); }
// (byte_bias - zero) times the sum of each output channel's weights, in whole blocks.
const int32_t* byte_starts(const Tensor& weight, int zero, const KernelTable& kernels,
                           Arena& arena);
// I16 (C_out, kH, kW, C + 1) without the last channel: pairs of the numbers of each row of the
// kernel.
const int32_t* lay_out_stem(const Tensor& weight, int group_blocks, Arena& arena);
inline int stem_pairs(const Tensor& weight) {
  return static_cast<int>((weight.shape[2] * (weight.shape[3] - 1) + 1) / 2);
}
// Of the last channel, times 255: sums over the first rows and columns of the kernel,
// (kH + 1, kW + 1, padded channels).
const int32_t* sum_last_channel(const Tensor& weight, Arena& arena);

// Two words of 32 channels each, as the kernels have them in memory, and the second of them back.
struct WordPair {
  uint32_t first, second;
};
inline WordPair pair_words(uint32_t first, uint32_t second, bool paired) {
  return paired ? WordPair{first ^ second, first} : WordPair{first, second};
}
inline WordPair unpair_words(uint32_t a, uint32_t b, bool paired) {
  return paired ? WordPair{b, a ^ b} : WordPair{a, b};
}

// A copy for whole blocks of channels, filled up with `fill`; `rows` of them.
template <class Values>
const float* lay_out_channels(const Values& values, int channels, float fill, Arena& arena,
                              int rows = 1) {
  int padded = blocks_of(channels) * kBlock;
  auto* out = arena.make<float>(static_cast<size_t>(padded) * rows);
  for (int row = 0; row < rows; ++row) {
    for (int c = 0; c < padded; ++c) {
      out[row * padded + c] = c < channels ? values[row * channels + c] : fill;
    }
  }
  return out;
}

}  // namespace groupnet
