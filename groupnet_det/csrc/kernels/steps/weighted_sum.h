// Sums of a few pixels, each with its weight, in all channels.
#pragma once

#include "kernels/steps/tile.h"

namespace groupnet {
namespace {

// As many blocks at once as keep the multipliers busy: each sum waits for the one before.
constexpr int kSumBlocks = 4;

template <int N>
GROUPNET_INLINE void sum_blocks(const WeightedSumArgs& args, int channel) {
  F sums[N];
  GROUPNET_UNROLL for (int n = 0; n < N; ++n) sums[n] = Vector::zero_f();
  for (int i = 0; i < args.count; ++i) {
    const F weight = Vector::set_f(args.weights[i]);
    const float* from = args.values + args.offsets[i] + channel;
    GROUPNET_UNROLL for (int n = 0; n < N; ++n) {
      sums[n] = Vector::fma(weight, Vector::load_f(from + n * kBlock), sums[n]);
    }
  }
  GROUPNET_UNROLL for (int n = 0; n < N; ++n) {
    Vector::store_f(args.out + channel + n * kBlock, sums[n]);
  }
}

void weighted_sum(const WeightedSumArgs& args) {
  int c = 0;
  for (; c + kSumBlocks * kBlock <= args.channels; c += kSumBlocks * kBlock) {
    sum_blocks<kSumBlocks>(args, c);
  }
  for (; c + kBlock <= args.channels; c += kBlock) sum_blocks<1>(args, c);
  for (; c < args.channels; ++c) {
    float sum = 0;
    for (int i = 0; i < args.count; ++i) {
      sum = __builtin_fmaf(args.weights[i], args.values[args.offsets[i] + c], sum);
    }
    args.out[c] = sum;
  }
}

}  // namespace
}  // namespace groupnet
