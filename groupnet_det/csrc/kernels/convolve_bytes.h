// Convolutions of unsigned bytes with signed weights of 8 bits, in integers.
#pragma once

#include "kernels/tile.h"

namespace groupnet {
namespace {

// start + the sum of x * w, as floats.
template <int P, int B>
GROUPNET_INLINE void convolve_bytes(const TermArgs& term, Place at, Tile<P, B>& out) {
  const uint8_t* first = term.bytes.at(at.image, int64_t{at.y} * term.stride - term.padding,
                                       int64_t{at.x} * term.stride - term.padding);
  const int64_t step = term.bytes.pixel_stride * term.stride;
  const int8_t* weight =
      term.weight_bytes + at.block * (int64_t{term.num_runs} * term.run_length * 4 * kBlock);
  int32_t sums[P][B * kBlock];
  for (int p = 0; p < P; ++p) {
    for (int i = 0; i < B * kBlock; ++i) sums[p][i] = term.start[at.block * kBlock + i];
  }
  for (int run = 0; run < term.num_runs; ++run) {
    const uint8_t* in = first + term.run_offsets[run];
    for (int four = 0; four < term.run_length; ++four) {
      for (int p = 0; p < P; ++p) {
        const uint8_t* x = in + p * step + 4 * four;
        for (int i = 0; i < B * kBlock; ++i) {
          const int8_t* w = weight + 4 * i;
          sums[p][i] += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
        }
      }
      weight += 4 * B * kBlock;
    }
  }
  each<P, B>(
      [&](int p, int b) { out.v[p][b] = Vector::to_float(Vector::load_i(sums[p] + b * kBlock)); });
}

}  // namespace
}  // namespace groupnet
