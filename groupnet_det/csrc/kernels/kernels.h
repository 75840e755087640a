// The table of the instruction set whose `Vector` the including file has chosen.
#pragma once

#include "kernels/convolution.h"
#include "kernels/join.h"
#include "kernels/stem.h"

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

// Eight independent sums: enough to keep all units busy, few enough for the registers.
int64_t register_limit(int64_t iterations) {
  constexpr int kSums = Vector::kBlocks * Vector::kPixels;
  Vector::Counter counters[kSums];
  I wx = Vector::set_i(0x5A5A1234), w0 = Vector::set_i(0x1337C0DE);
  I ax = Vector::set_i(0x0F1E2D3C), a0 = Vector::set_i(0x76543210);
  for (int64_t n = 0; n < iterations; ++n) {
    // The compiler must take the operands for new ones.
    asm volatile("" : "+m"(wx), "+m"(w0), "+m"(ax), "+m"(a0));
    for (int repeat = 0; repeat < 16; ++repeat) {
      GROUPNET_UNROLL for (int i = 0; i < kSums; ++i) counters[i].add(wx, w0, ax, a0);
    }
    if (Vector::kFlushAfter > 0) {
      for (auto& counter : counters) counter.flush();
    }
  }
  for (auto& counter : counters) {
    I total = counter.total();
    asm volatile("" : : "m"(total));
  }
  return iterations * 16 * kSums * 2 * 32 * kBlock;
}

constexpr KernelTable kTable = {
    Vector::kName, Vector::kBlocks, conv,        joined_conv, joined_scratch,
    stem,          stem_scratch,    mean,        register_limit,
};

}  // namespace
}  // namespace groupnet
