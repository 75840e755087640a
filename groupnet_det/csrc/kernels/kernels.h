// The table of the instruction set whose `Vector` the including file has chosen.
#pragma once

#include "kernels/steps/convolution.h"
#include "kernels/steps/join.h"
#include "kernels/steps/plain_steps.h"
#include "kernels/steps/stem.h"
#include "kernels/steps/weighted_sum.h"

namespace groupnet {
namespace {

// The inner loop alone, with its operands in registers and enough independent sums to keep all
// units busy. `hide` makes the compiler take operands for new ones.
int64_t register_limit(int64_t iterations) {
  constexpr int kSums = 8, kRepeats = Vector::kLimitRepeats;
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

// The function above for each type of arguments.
template <class... Args>
constexpr RowKernelList<Args...> row_kernels(const RowKernelList<Args...>&) {
  return {RowKernel<Args>{compute_rows}...};
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
    row_kernels(RowKernels{}),
    weighted_sum,
    register_limit,
};

}  // namespace
}  // namespace groupnet
