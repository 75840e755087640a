// Maps in memory, and what values go through on their way to them, as kernels take them: plain
// structs and pointers.
//
// Layouts. A block is 16 output channels, a quad 64 (four blocks). Maps of floats, and of bytes,
// are (N, H, W, C) with C padded to whole blocks. Maps of bits, and weights of one bit, have 64
// channels in two 32-bit words a0 and a1: as (a0 ^ a1, a0) for kernels with the paired adder, else
// as (a0, a1). Weights are stored so that one vector holds the same word (or number) of 16 output
// channels.
//
// Constructors are explicit so that members are set by name: a list of values in an old order does
// not compile.
#pragma once

#include <cstdint>

namespace groupnet {

constexpr int kBlock = 16;
constexpr int kQuadBlocks = 4;
constexpr int kMaxBranches = 64;

// A map in memory; strides in elements. `origin` is pixel (0, 0) of image 0, inside the border.
template <class T>
struct MapView {
  T* origin = nullptr;
  int64_t image_stride = 0;
  int64_t row_stride = 0;
  int64_t pixel_stride = 0;

  // Inlined always: a copy compiled for one instruction set must not serve another.
  __attribute__((always_inline)) T* at(int64_t image, int64_t y, int64_t x) const {
    return origin + image * image_stride + y * row_stride + x * pixel_stride;
  }
};

enum class ActCode : int { kNone, kRelu, kPrelu };

// For all channels in whole blocks; null where a part is missing.
struct MapArgs {
  explicit MapArgs() = default;
  const float* scale1 = nullptr;
  const float* shift1 = nullptr;
  const float* slope = nullptr;
  const float* scale2 = nullptr;
  const float* shift2 = nullptr;
  ActCode act = ActCode::kNone;
  bool is_identity = true;
};

struct BitsSinkArgs {
  explicit BitsSinkArgs() = default;
  MapView<uint32_t> map;
  const float* threshold = nullptr;
  const uint16_t* flip = nullptr;   // of each block: 1 where the bit is not (v >= threshold)
  const uint16_t* valid = nullptr;  // of each block: channels that exist
};

struct LevelsSinkArgs {
  explicit LevelsSinkArgs() = default;
  MapView<float> map;
  const float* thresholds = nullptr;  // (L, padded channels)
  const float* values = nullptr;      // (L + 1, padded channels)
  int num_thresholds = 0;
};

// Unsigned bytes: v * scale rounded to an integer, plus zero, within 0 to 255.
struct BytesSinkArgs {
  explicit BytesSinkArgs() = default;
  MapView<uint8_t> map;
  float scale = 1;
  int zero = 0;
};

struct SinksArgs {
  explicit SinksArgs() = default;
  MapView<float> floats;  // origin null where missing
  const BitsSinkArgs* bits = nullptr;
  int num_bits = 0;
  const LevelsSinkArgs* levels = nullptr;
  int num_levels = 0;
  const BytesSinkArgs* bytes = nullptr;
  int num_bytes = 0;
};

}  // namespace groupnet
