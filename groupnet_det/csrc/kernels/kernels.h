// The table of the instruction set whose `Vector` the including file has chosen.
#pragma once

#include "kernels/steps/convolution.h"
#include "kernels/steps/join.h"
#include "kernels/steps/plain_steps.h"
#include "kernels/steps/stem.h"
#include "kernels/steps/weighted_sum.h"

namespace groupnet {
namespace {

void mean(const MeanArgs& args, int image, int first_block, int end_block) {
  for (int block = first_block; block < end_block; ++block) {
    F sum = Vector::zero_f();
    for (int y = 0; y < args.height; ++y) {
      for (int x = 0; x < args.width; ++x) {
        sum = Vector::add(sum, Vector::load_f(args.input.at(image, y, x) + block * kBlock));
      }
    }
    Vector::store_f(args.output.at(image, 0, 0) + block * kBlock,
                    Vector::mul(sum, Vector::set_f(args.factor)));
  }
}

// The inner loop alone, with its operands in registers and enough independent sums to keep all
// units busy. `hide` makes the compiler take operands for new ones.
int64_t register_limit(int64_t iterations) {
  constexpr int kSums = 8, kRepeats = 8;
  Vector::Limit sums[kSums];
  I wx = Vector::set_i(0x5A5A1234), w0 = Vector::set_i(0x1337C0DE);
  I ax = Vector::set_i(0x0F1E2D3C), a0 = Vector::set_i(0x76543210);
  for (int64_t n = 0; n < iterations; ++n) {
    GROUPNET_UNROLL for (int repeat = 0; repeat < kRepeats; ++repeat) {
      GROUPNET_UNROLL for (int i = 0; i < kSums; ++i) {
        sums[i].add(wx, w0, ax, a0);
        if (Vector::kHideOperands) Vector::hide(w0);
      }
    }
    if (Vector::kFlushAfter > 0) {
      GROUPNET_UNROLL for (int i = 0; i < kSums; ++i) sums[i].flush();
    }
  }
  for (auto& sum : sums) {
    I total = sum.total();
    Vector::hide(total);
  }
  return iterations * kRepeats * kSums * Vector::kLimitWords * 32 * kBlock;
}

constexpr KernelTable kTable = {
    Vector::kName,
    Vector::kPaired,
    Vector::kBlocks,
    Vector::Bytes::kBias,
    conv,
    joined_conv,
    joined_scratch,
    stem,
    stem_scratch,
    mean,
    input,
    resize,
    max_pool,
    depth_to_space,
    weighted_sum,
    register_limit,
};

}  // namespace
}  // namespace groupnet
