// A tile: the values of P neighbouring pixels in B blocks of output channels, in registers.
// Everything here is written once, in terms of the 16 lanes of `Vector`, which the including file
// has chosen. Loops over P and B have constant bounds and are unrolled.
#pragma once

#include "kernels/kernel_table.h"

#define GROUPNET_INLINE __attribute__((always_inline)) inline
#define GROUPNET_UNROLL _Pragma("GCC unroll 16")

namespace groupnet {
namespace {

using I = Vector::I;
using F = Vector::F;

// Instead of std::min and std::max, which the linker might take from any file.
template <class T>
GROUPNET_INLINE T smaller(T a, T b) {
  return b < a ? b : a;
}
template <class T>
GROUPNET_INLINE T larger(T a, T b) {
  return a < b ? b : a;
}

// The first pixel of a tile, and its first block.
struct Place {
  int image, y, x, block;
};

template <int P, int B>
struct Tile {
  F v[P][B];
};

template <int P, int B, class Each>
GROUPNET_INLINE void each(Each&& apply) {
  GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
    GROUPNET_UNROLL for (int p = 0; p < P; ++p) apply(p, b);
  }
}

template <int P, int B>
GROUPNET_INLINE void scale(Tile<P, B>& t, const float* factors, int block) {
  GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
    F factor = Vector::load_f(factors + (block + b) * kBlock);
    GROUPNET_UNROLL for (int p = 0; p < P; ++p) t.v[p][b] = Vector::mul(t.v[p][b], factor);
  }
}

template <int P, int B>
GROUPNET_INLINE void shift(Tile<P, B>& t, const float* summands, int block) {
  GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
    F summand = Vector::load_f(summands + (block + b) * kBlock);
    GROUPNET_UNROLL for (int p = 0; p < P; ++p) t.v[p][b] = Vector::add(t.v[p][b], summand);
  }
}

template <int P, int B>
GROUPNET_INLINE void activate(Tile<P, B>& t, const MapArgs& map, int block) {
  if (map.act == ActCode::kRelu) {
    each<P, B>([&](int p, int b) { t.v[p][b] = Vector::relu(t.v[p][b]); });
  } else if (map.act == ActCode::kPrelu) {
    GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
      F slope = Vector::load_f(map.slope + (block + b) * kBlock);
      GROUPNET_UNROLL for (int p = 0; p < P; ++p) {
        F x = t.v[p][b];
        t.v[p][b] = Vector::if_positive(x, x, Vector::mul(x, slope));
      }
    }
  }
}

template <int P, int B>
GROUPNET_INLINE void apply(Tile<P, B>& t, const MapArgs& map, int block) {
  if (map.is_identity) return;
  if (map.scale1 != nullptr) scale(t, map.scale1, block);
  if (map.shift1 != nullptr) shift(t, map.shift1, block);
  activate(t, map, block);
  if (map.scale2 != nullptr) scale(t, map.scale2, block);
  if (map.shift2 != nullptr) shift(t, map.shift2, block);
}

// The bits of one block, or of two, to a quad's pair of words. Where words are paired, the first 32
// channels are written as if the others were 0, which then are added: the groups of a quad run in
// their order, in one thread.
template <class Part>
GROUPNET_INLINE void put_bits(uint32_t* pair, int first_part, uint32_t bits) {
  constexpr int kParts = 4 / sizeof(Part);  // of a word
  auto* parts = reinterpret_cast<Part*>(pair);
  if (!Vector::kPaired) {
    parts[first_part] = static_cast<Part>(bits);
  } else if (first_part < kParts) {
    parts[first_part] = parts[kParts + first_part] = static_cast<Part>(bits);
  } else {
    parts[first_part - kParts] = static_cast<Part>(parts[first_part] ^ bits);
  }
}

template <int P, int B>
GROUPNET_INLINE void store_bits(const Tile<P, B>& t, const BitsSinkArgs& sink, Place at) {
  int in_quad = at.block % kQuadBlocks;
  uint32_t* words = sink.map.at(at.image, at.y, at.x) + at.block / kQuadBlocks * 2;
  F threshold[B];
  uint32_t flip = 0, valid = 0;
  GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
    threshold[b] = Vector::load_f(sink.threshold + (at.block + b) * kBlock);
    flip |= uint32_t{sink.flip[at.block + b]} << (16 * b);
    valid |= uint32_t{sink.valid[at.block + b]} << (16 * b);
  }
  GROUPNET_UNROLL for (int p = 0; p < P; ++p) {
    uint32_t bits = 0;
    GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
      bits |= Vector::at_least(t.v[p][b], threshold[b]) << (16 * b);
    }
    bits = (bits ^ flip) & valid;
    uint32_t* pair = words + p * sink.map.pixel_stride;
    if constexpr (B == 2) {
      put_bits<uint32_t>(pair, in_quad / 2, bits);
    } else {
      put_bits<uint16_t>(pair, in_quad, bits);
    }
  }
}

template <int P, int B>
GROUPNET_INLINE void store_levels(const Tile<P, B>& t, const LevelsSinkArgs& sink, Place at,
                                  int padded_channels) {
  each<P, B>([&](int p, int b) {
    int channel = (at.block + b) * kBlock;
    F value = Vector::load_f(sink.values + channel);
    for (int i = 0; i < sink.num_thresholds; ++i) {
      const float* next = sink.values + int64_t{i + 1} * padded_channels + channel;
      F threshold = Vector::load_f(sink.thresholds + int64_t{i} * padded_channels + channel);
      value = Vector::if_at_least(t.v[p][b], threshold, Vector::load_f(next), value);
    }
    Vector::store_f(sink.map.at(at.image, at.y, at.x + p) + channel, value);
  });
}

// One block: v * scale to the nearest integer, halves to even, plus zero, within a byte; NaN to 0.
GROUPNET_INLINE void store_bytes(uint8_t* out, F value, const BytesSinkArgs& sink) {
  constexpr float kRounder =
      12582912;  // 1.5 * 2^23: sums with it are rounded, their low bits whole
  const auto zero = static_cast<float>(sink.zero);
  F v = Vector::mul(value, Vector::set_f(sink.scale));
  v = Vector::min(Vector::max(v, Vector::set_f(-zero)), Vector::set_f(255 - zero));
  I whole = Vector::bits_of(Vector::add(v, Vector::set_f(kRounder)));
  Vector::store_low_bytes(out, Vector::add_i(whole, Vector::set_i(sink.zero)));
}

template <int P, int B>
GROUPNET_INLINE void store(const Tile<P, B>& t, const SinksArgs& sinks, Place at, int blocks) {
  if (sinks.floats.origin != nullptr) {
    float* out = sinks.floats.at(at.image, at.y, at.x) + at.block * kBlock;
    each<P, B>([&](int p, int b) {
      Vector::store_f(out + p * sinks.floats.pixel_stride + b * kBlock, t.v[p][b]);
    });
  }
  for (int i = 0; i < sinks.num_bits; ++i) store_bits(t, sinks.bits[i], at);
  for (int i = 0; i < sinks.num_levels; ++i) {
    store_levels(t, sinks.levels[i], at, blocks * kBlock);
  }
  for (int i = 0; i < sinks.num_bytes; ++i) {
    const BytesSinkArgs& sink = sinks.bytes[i];
    each<P, B>([&](int p, int b) {
      store_bytes(sink.map.at(at.image, at.y, at.x + p) + (at.block + b) * kBlock, t.v[p][b], sink);
    });
  }
}

// Pixels [first, end) of a row in tiles of at most P: `run.template tile<P, B>(x)` for each.
template <int P, int B, class Run>
GROUPNET_INLINE void in_tiles(int first, int end, Run&& run) {
  int x = first;
  for (; x + P <= end; x += P) run.template tile<P, B>(x);
  if constexpr (P > 1) {
    if constexpr (P > 4) {  // at most 7 are left
      if (end - x >= 4) {
        run.template tile<4, B>(x);
        x += 4;
      }
    }
    switch (end - x) {
      case 3: run.template tile<(P > 3 ? 3 : 1), B>(x); break;
      case 2: run.template tile<(P > 2 ? 2 : 1), B>(x); break;
      case 1: run.template tile<1, B>(x); break;
      default: break;
    }
  }
}

// The blocks of a quad in groups of `Vector::kBlocks`; what is left over, one by one.
template <class Run>
GROUPNET_INLINE void in_groups(int first_block, int end_block, Run&& run) {
  int block = first_block;
  if constexpr (Vector::kBlocks == 2) {
    for (; block + 2 <= end_block; block += 2) run.template group<2>(block);
  }
  for (; block < end_block; ++block) run.template group<1>(block);
}

GROUPNET_INLINE int end_of_quad(int quad, int blocks) {
  int end = (quad + 1) * kQuadBlocks;
  return end < blocks ? end : blocks;
}

}  // namespace
}  // namespace groupnet
