// Sums of a few pixels, each with its weight, in all channels.
#pragma once

#include "kernels/steps/tile.h"

namespace groupnet {
namespace {

void weighted_sum(const WeightedSumArgs& args) {
  int c = 0;
  for (; c + kBlock <= args.channels; c += kBlock) {
    F sum = Vector::zero_f();
    for (int i = 0; i < args.count; ++i) {
      const F value = Vector::load_f(args.values + args.offsets[i] + c);
      sum = Vector::fma(Vector::set_f(args.weights[i]), value, sum);
    }
    Vector::store_f(args.out + c, sum);
  }
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
