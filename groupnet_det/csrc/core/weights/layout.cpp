#include "core/weights/layout.h"

#include <algorithm>
#include <cstring>

namespace groupnet {

namespace {

// Call `put(channel, position, index)` for each output channel of whole blocks and each position of
// the kernel's data: groups of blocks, then positions, then the channels of a group. `index` counts
// single channels.
template <class Put>
void in_kernel_order(int blocks, int group_blocks, int64_t positions, const Put& put) {
  int64_t index = 0;
  for (int first = 0; first < blocks;) {
    int size = first + group_blocks <= blocks ? group_blocks : 1;
    for (int64_t position = 0; position < positions; ++position) {
      for (int channel = first * kBlock; channel < (first + size) * kBlock; ++channel) {
        put(channel, position, index++);
      }
    }
    first += size;
  }
}

uint32_t read_word(const uint8_t* row, int row_bytes, int word) {
  uint32_t value = 0;
  for (int i = 0; i < 4 && 4 * word + i < row_bytes; ++i) {
    value |= uint32_t{row[4 * word + i]} << (8 * i);
  }
  return value;
}

}  // namespace

const uint32_t* lay_out_signs(const Tensor& weight, int in_channels, const KernelTable& kernels,
                              Arena& arena) {
  const int out_channels = static_cast<int>(weight.shape[0]);
  const int blocks = blocks_of(out_channels), pairs = quads_of(in_channels);
  const int row_bytes = static_cast<int>(weight.shape[3]);
  const int64_t positions = weight.shape[1] * weight.shape[2];
  auto* out = arena.make<uint32_t>(static_cast<size_t>(blocks) * kBlock * positions * pairs * 2);
  in_kernel_order(
      blocks, kernels.group_blocks, positions * pairs,
      [&](int channel, int64_t position, int64_t index) {
        if (channel >= out_channels) return;
        const uint8_t* row = weight.data + (channel * positions + position / pairs) * row_bytes;
        int pair = static_cast<int>(position % pairs);
        WordPair words = pair_words(read_word(row, row_bytes, 2 * pair),
                                    read_word(row, row_bytes, 2 * pair + 1), kernels.paired);
        // 16 channels of one word, then 16 of the other.
        uint32_t* to = out + index / kBlock * (2 * kBlock) + index % kBlock;
        to[0] = words.first;
        to[kBlock] = words.second;
      });
  return out;
}

const float* lay_out_floats(const Tensor& weight, int group_blocks, Arena& arena) {
  const int out_channels = static_cast<int>(weight.shape[0]);
  const int64_t positions = weight.shape[1] * weight.shape[2] * weight.shape[3];
  const int blocks = blocks_of(out_channels);
  auto* out = arena.make<float>(static_cast<size_t>(blocks) * kBlock * positions);
  in_kernel_order(blocks, group_blocks, positions,
                  [&](int channel, int64_t position, int64_t index) {
                    if (channel >= out_channels) return;
                    std::memcpy(out + index, weight.data + 4 * (channel * positions + position), 4);
                  });
  return out;
}

const int8_t* lay_out_bytes(const Tensor& weight, const KernelTable& kernels, Arena& arena) {
  const int64_t channels = weight.shape[3], row = weight.shape[1] * weight.shape[2];
  const int64_t fours = fours_of(static_cast<int>(channels));
  const int blocks = blocks_of(static_cast<int>(weight.shape[0]));
  auto* out = arena.make<int8_t>(static_cast<size_t>(blocks * row * fours * 4) * kBlock);
  in_kernel_order(
      blocks, kernels.group_blocks, row * fours, [&](int channel, int64_t position, int64_t index) {
        if (channel >= weight.shape[0]) return;
        const int64_t first = position % fours * 4;
        if (first >= channels) return;
        const uint8_t* from = weight.data + (channel * row + position / fours) * channels + first;
        std::memcpy(out + 4 * index, from,
                    static_cast<size_t>(std::min<int64_t>(4, channels - first)));
      });
  return out;
}

const int32_t* byte_starts(const Tensor& weight, int zero, const KernelTable& kernels,
                           Arena& arena) {
  const int factor = kernels.byte_bias - zero;
  const int64_t products = weight.numel() / weight.shape[0];
  const int blocks = blocks_of(static_cast<int>(weight.shape[0]));
  auto* starts = arena.make<int32_t>(static_cast<size_t>(blocks) * kBlock);
  const uint8_t* from = weight.data;
  for (int64_t c = 0; c < weight.shape[0]; ++c) {
    for (int64_t i = 0; i < products; ++i) starts[c] += factor * static_cast<int8_t>(*from++);
  }
  return starts;
}

const int32_t* lay_out_stem(const Tensor& weight, int group_blocks, Arena& arena) {
  const int out_channels = static_cast<int>(weight.shape[0]);
  const int64_t height = weight.shape[1], width = weight.shape[2], channels = weight.shape[3];
  const int64_t row = width * (channels - 1), pairs = stem_pairs(weight);
  const int blocks = blocks_of(out_channels);
  auto number = [&](int64_t channel, int64_t y, int64_t i) {
    int16_t value = 0;
    if (i >= row) return value;  // the second of the last pair
    int64_t x = i / (channels - 1), c = i % (channels - 1);
    std::memcpy(&value, weight.data + 2 * (((channel * height + y) * width + x) * channels + c), 2);
    return value;
  };
  auto* out = arena.make<int32_t>(static_cast<size_t>(blocks) * kBlock * height * pairs);
  in_kernel_order(blocks, group_blocks, height * pairs,
                  [&](int channel, int64_t position, int64_t index) {
                    if (channel >= out_channels) return;
                    int64_t y = position / pairs, i = 2 * (position % pairs);
                    const int16_t two[2] = {number(channel, y, i), number(channel, y, i + 1)};
                    std::memcpy(out + index, two, 4);
                  });
  return out;
}

const int32_t* sum_last_channel(const Tensor& weight, Arena& arena) {
  const int64_t height = weight.shape[1], width = weight.shape[2], channels = weight.shape[3];
  const int64_t padded = int64_t{blocks_of(static_cast<int>(weight.shape[0]))} * kBlock;
  auto* sums = arena.make<int32_t>(static_cast<size_t>((height + 1) * (width + 1) * padded));
  auto at = [&](int64_t y, int64_t x) { return sums + (y * (width + 1) + x) * padded; };
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < weight.shape[0]; ++c) {
        int16_t value;
        std::memcpy(&value, weight.data + 2 * (((c * height + y) * width + x + 1) * channels - 1),
                    2);
        // Results fit 32 bits; what comes in between may pass them, and wraps around.
        auto u = [](int32_t v) { return static_cast<uint32_t>(v); };
        at(y + 1, x + 1)[c] = static_cast<int32_t>(u(255 * value) + u(at(y, x + 1)[c]) +
                                                   u(at(y + 1, x)[c]) - u(at(y, x)[c]));
      }
    }
  }
  return sums;
}

}  // namespace groupnet
