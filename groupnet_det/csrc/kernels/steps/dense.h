// Convolutions of floats, and of bytes with weights of 8 bits. Their tiles have as many pixels as
// the registers have room for, more than those of bits, so their sums go through memory.
#pragma once

#include "kernels/steps/tile.h"

namespace groupnet {
namespace {

// The sum goes by fma from 0, one product after the other, for that order decides its roundings.
struct FloatProducts {
  using Input = float;
  using Weight = float;
  static constexpr int kPixels = Vector::kFloatPixels;
  static constexpr int kInputs = 1;  // that a step of the sum takes
  struct Sum {
    F value;
    GROUPNET_INLINE void clear() { value = Vector::zero_f(); }
    GROUPNET_INLINE void add(F weight, F input) { value = Vector::fma(input, weight, value); }
  };

  GROUPNET_INLINE static F load(const float* weights) { return Vector::load_f(weights); }
  GROUPNET_INLINE static F spread(const float* input) { return Vector::set_f(*input); }
  GROUPNET_INLINE static F total(Sum& sum, const TermArgs&, int) { return sum.value; }
  GROUPNET_INLINE static const MapView<const float>& inputs(const TermArgs& term) {
    return term.values;
  }
  GROUPNET_INLINE static const float* weights(const TermArgs& term) { return term.weight_values; }
};

// start + the sum of integers, in any order.
struct ByteProducts : Vector::Bytes {
  using Input = uint8_t;
  using Weight = int8_t;
  static constexpr int kPixels = Vector::kBytePixels;
  static constexpr int kInputs = 4;

  GROUPNET_INLINE static F total(Sum& sum, const TermArgs& term, int block) {
    I start = Vector::load_i(term.start + int64_t{block} * kBlock);
    return Vector::to_float(Vector::add_i(sum.total(), start));
  }
  GROUPNET_INLINE static const MapView<const uint8_t>& inputs(const TermArgs& term) {
    return term.bytes;
  }
  GROUPNET_INLINE static const int8_t* weights(const TermArgs& term) { return term.weight_bytes; }
};

// P pixels from `first` on to `out`, (P, B blocks).
template <class Kind, int P, int B>
__attribute__((noinline)) void dense_tile(const TermArgs& term, int block,
                                          const typename Kind::Input* first, float* out) {
  constexpr int kThrees = (P + 2) / 3;  // of pixels: an address has room for one, two or no steps
  constexpr int kWeights = Kind::kInputs * kBlock;
  const int64_t step = Kind::inputs(term).pixel_stride * term.stride;
  const typename Kind::Weight* weight =
      Kind::weights(term) + block * (int64_t{term.num_runs} * term.run_length * kWeights);
  typename Kind::Sum sums[P][B];
  each<P, B>([&](int p, int b) { sums[p][b].clear(); });
  for (int run = 0; run < term.num_runs; ++run) {
    const typename Kind::Input* in[kThrees];
    GROUPNET_UNROLL for (int i = 0; i < kThrees; ++i) {
      in[i] = first + term.run_offsets[run] + 3 * i * step;
    }
    for (int n = 0; n < term.run_length; ++n) {
      decltype(Kind::load(weight)) w[B];
      GROUPNET_UNROLL for (int b = 0; b < B; ++b) w[b] = Kind::load(weight + b * kWeights);
      GROUPNET_UNROLL for (int p = 0; p < P; ++p) {
        auto x = Kind::spread(in[p / 3] + p % 3 * step);
        GROUPNET_UNROLL for (int b = 0; b < B; ++b) sums[p][b].add(w[b], x);
      }
      weight += B * kWeights;
      GROUPNET_UNROLL for (int i = 0; i < kThrees; ++i) in[i] += Kind::kInputs;
    }
  }
  each<P, B>([&](int p, int b) {
    Vector::store_f(out + (p * B + b) * kBlock, Kind::total(sums[p][b], term, block + b));
  });
}

// The same for `pixels` of at most P.
template <class Kind, int P, int B>
GROUPNET_INLINE void small_dense_tile(const TermArgs& term, int block, int pixels,
                                      const typename Kind::Input* first, float* out) {
  if constexpr (P > 1) {
    if (pixels < P) return small_dense_tile<Kind, P - 1, B>(term, block, pixels, first, out);
  }
  dense_tile<Kind, P, B>(term, block, first, out);
}

// `pixels` of a row from `at` on, in tiles of about the same size.
template <class Kind, int B>
__attribute__((noinline)) void dense_row(const TermArgs& term, Place at, int pixels, float* out) {
  const auto& input = Kind::inputs(term);
  const typename Kind::Input* first = input.at(at.image, int64_t{at.y} * term.stride - term.padding,
                                               int64_t{at.x} * term.stride - term.padding);
  const int tiles = (pixels + Kind::kPixels - 1) / Kind::kPixels;
  for (int i = 0, x = 0; i < tiles; ++i) {
    const int end = static_cast<int>(int64_t{pixels} * (i + 1) / tiles);
    small_dense_tile<Kind, Kind::kPixels, B>(term, at.block, end - x,
                                             first + x * input.pixel_stride * term.stride,
                                             out + int64_t{x} * B * kBlock);
    x = end;
  }
}

// What the dense terms of a branch give for a stretch of a row: (terms, pixels, blocks).
struct DenseSums {
  const float* values = nullptr;
  int first_pixel = 0;
  int64_t term_size = 0;
};

GROUPNET_INLINE bool is_dense(const TermArgs& term) { return term.kind != TermKind::kBits; }

GROUPNET_INLINE int count_dense(const BranchArgs& branch) {
  int count = 0;
  for (int i = 0; i < branch.num_terms; ++i) count += is_dense(branch.terms[i]);
  return count;
}

template <int B>
GROUPNET_INLINE void dense_sums(const BranchArgs& branch, Place at, int pixels, float* out) {
  for (int i = 0; i < branch.num_terms; ++i) {
    const TermArgs& term = branch.terms[i];
    if (!is_dense(term)) continue;
    if (term.kind == TermKind::kFloats) {
      dense_row<FloatProducts, B>(term, at, pixels, out);
    } else {
      dense_row<ByteProducts, B>(term, at, pixels, out);
    }
    out += int64_t{pixels} * B * kBlock;
  }
}

// A row in stretches whose dense sums fit the stack: `run(first, end, sums)` for each.
template <int B, class Run>
GROUPNET_INLINE void in_stretches(const BranchArgs& branch, Place row, int width, Run&& run) {
  const int terms = count_dense(branch);
  if (terms == 0) return run(0, width, DenseSums{});
  constexpr int kRoom = 8192;  // 32 KiB
  alignas(64) float values[kRoom];
  const int most = kRoom / kBlock / B / terms;
  const int stretches = (width + most - 1) / most;
  for (int i = 0; i < stretches; ++i) {
    const int first = static_cast<int>(int64_t{width} * i / stretches);
    const int end = static_cast<int>(int64_t{width} * (i + 1) / stretches);
    row.x = first;
    dense_sums<B>(branch, row, end - first, values);
    run(first, end, DenseSums{values, first, int64_t{end - first} * B * kBlock});
  }
}

}  // namespace
}  // namespace groupnet
