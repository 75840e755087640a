// Branches that meet: a chunk of rows of all branches lies in a cache, then the join reads it.
#pragma once

#include "kernels/steps/convolution.h"

namespace groupnet {
namespace {

// Bytes of a chunk; it should stay in the second-level cache together with the weights.
constexpr int64_t kChunkBytes = 128 << 10;

int64_t joined_row(const ConvArgs& args) {
  return int64_t{args.num_branches} * args.width * Vector::kBlocks * kBlock;
}

int64_t joined_scratch(const ConvArgs& args) {
  int64_t rows = larger<int64_t>(1, kChunkBytes / 4 / joined_row(args));
  return joined_row(args) * smaller<int64_t>(rows, args.height);
}

template <int P, int B>
GROUPNET_INLINE void add(Tile<P, B>& t, const Tile<P, B>& more) {
  each<P, B>([&](int p, int b) { t.v[p][b] = Vector::add(t.v[p][b], more.v[p][b]); });
}

template <int P, int B>
GROUPNET_INLINE void scale_all(Tile<P, B>& t, float factor) {
  F f = Vector::set_f(factor);
  each<P, B>([&](int p, int b) { t.v[p][b] = Vector::mul(t.v[p][b], f); });
}

struct JoinedRows {
  const ConvArgs& args;
  const RowRange& range;
  float* scratch;
  int64_t scratch_size;

  // Rows of one branch to the scratch.
  struct Row {
    const BranchArgs& branch;
    int image, y, block;
    float* out;
    DenseSums sums;

    template <int P, int B>
    __attribute__((noinline)) void tile(int x) {
      Tile<P, B> values;
      compute_branch(branch, Place{image, y, x, block}, sums, values);
      float* to = out + int64_t{x} * B * kBlock;
      each<P, B>([&](int p, int b) { Vector::store_f(to + (p * B + b) * kBlock, values.v[p][b]); });
    }
  };

  struct JoinedRow {
    const ConvArgs& args;
    int image, y, block;
    const float* in;
    int64_t branch_stride;

    template <int P, int B>
    __attribute__((noinline)) void tile(int x) {
      const JoinArgs& join = *args.join;
      Place at{image, y, x, block};
      const float* from = in + int64_t{x} * B * kBlock;
      Tile<P, B> sum, merged, value;
      load(sum, from);
      merged = sum;
      if (join.scales != nullptr) scale_all(merged, join.scales[0]);
      for (int k = 1; k < args.num_branches; ++k) {
        load(value, from + k * branch_stride);
        add(sum, value);
        if (join.scales != nullptr) scale_all(value, join.scales[k]);
        add(merged, value);
      }
      if (join.scales == nullptr) {
        merged = sum;
        scale_all(merged, join.mean);
      }
      if (join.has_merged) store(merged, join.merged, at, args.blocks);
      if (join.branches == nullptr) return;
      if (join.gated) scale_all(merged, join.gate[1]);
      for (int k = 0; k < args.num_branches; ++k) {
        if (k == 0 && join.alias) {
          value = sum;
        } else {
          load(value, from + k * branch_stride);
        }
        if (join.gated) {
          scale_all(value, join.gate[0]);
          add(value, merged);
        }
        store(value, join.branches[k], at, args.blocks);
      }
    }
  };

  template <int B>
  void group(int block) {
    const int64_t row = int64_t{args.width} * B * kBlock;
    const int rows = static_cast<int>(
        larger<int64_t>(1, smaller<int64_t>(range.end_row - range.first_row,
                                            scratch_size / (row * args.num_branches))));
    const int64_t branch_stride = row * rows;
    for (int start = range.first_row; start < range.end_row; start += rows) {
      const int end = smaller<int>(start + rows, range.end_row);
      for (int k = 0; k < args.num_branches; ++k) {
        for (int y = start; y < end; ++y) {
          float* out = scratch + k * branch_stride + (y - start) * row;
          const BranchArgs& branch = args.branches[k];
          in_stretches<B>(branch, Place{range.image, y, 0, block}, args.width,
                          [&](int first, int end, const DenseSums& sums) {
                            in_tiles<Vector::kPixels, B>(
                                first, end, Row{branch, range.image, y, block, out, sums});
                          });
        }
      }
      for (int y = start; y < end; ++y) {
        in_tiles<Vector::kPixels, B>(
            0, args.width,
            JoinedRow{args, range.image, y, block, scratch + (y - start) * row, branch_stride});
      }
    }
  }
};

void joined_conv(const ConvArgs& args, const RowRange& range, float* scratch,
                 int64_t scratch_size) {
  in_groups(range.quad * kQuadBlocks, end_of_quad(range.quad, args.blocks),
            JoinedRows{args, range, scratch, scratch_size});
}

}  // namespace
}  // namespace groupnet
