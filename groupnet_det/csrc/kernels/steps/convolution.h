// Convolutions of bits by XOR and popcount, and sums of terms, a tile at a time.
#pragma once

#include "kernels/steps/dense.h"
#include "kernels/steps/tile.h"

namespace groupnet {
namespace {

// offset - 2 * (positions where the bits of input and weight differ), as floats.
template <int P, int B>
GROUPNET_INLINE void convolve_bits(const TermArgs& term, Place at, Tile<P, B>& out) {
  const int64_t pixel = term.words.pixel_stride;
  const uint32_t* first = term.words.at(at.image, int64_t{at.y} * term.stride - term.padding,
                                        int64_t{at.x} * term.stride - term.padding);
  const int64_t step = pixel * term.stride;
  const int64_t words_per_block = int64_t{term.num_runs} * term.run_length * 2 * kBlock;
  const uint32_t* weight = term.weight_words + at.block * words_per_block;

  Vector::Counter counter[P][B];
  [[maybe_unused]] int room = Vector::kFlushAfter;
  for (int run = 0; run < term.num_runs; ++run) {
    const uint32_t* in = first + term.run_offsets[run];
    for (int pair = 0; pair < term.run_length; ++pair) {
      I wx[B], w0[B];
      GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
        wx[b] = Vector::load_i(weight + b * 2 * kBlock);
        w0[b] = Vector::load_i(weight + b * 2 * kBlock + kBlock);
      }
      weight += B * 2 * kBlock;
      GROUPNET_UNROLL for (int p = 0; p < P; ++p) {
        I ax = Vector::set_i(static_cast<int32_t>(in[p * step + 2 * pair]));
        I a0 = Vector::set_i(static_cast<int32_t>(in[p * step + 2 * pair + 1]));
        GROUPNET_UNROLL for (int b = 0; b < B; ++b) counter[p][b].add(wx[b], w0[b], ax, a0);
      }
      if constexpr (Vector::kFlushAfter > 0) {
        if (--room == 0) {
          each<P, B>([&](int p, int b) { counter[p][b].flush(); });
          room = Vector::kFlushAfter;
        }
      }
    }
  }
  // In floats, which hold these whole numbers exactly.
  const F minus_two = Vector::set_f(-2.0f);
  GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
    F offset = Vector::load_f(term.offset + (at.block + b) * kBlock);
    GROUPNET_UNROLL for (int p = 0; p < P; ++p) {
      out.v[p][b] = Vector::fma(Vector::to_float(counter[p][b].total()), minus_two, offset);
    }
  }
}

template <int P, int B>
GROUPNET_INLINE void load(Tile<P, B>& t, const float* from) {
  each<P, B>([&](int p, int b) { t.v[p][b] = Vector::load_f(from + (p * B + b) * kBlock); });
}

// `dense` is where the sums of the next dense term lie.
template <int P, int B>
GROUPNET_INLINE void compute_term(const TermArgs& term, Place at, const DenseSums& sums,
                                  const float*& dense, Tile<P, B>& out) {
  if (is_dense(term)) {
    load(out, dense);
    dense += sums.term_size;
  } else {
    convolve_bits(term, at, out);
  }
  apply(out, term.map, at.block);
}

template <int P, int B>
GROUPNET_INLINE void add_residual(const BranchArgs& branch, Place at, Tile<P, B>& out) {
  const MapView<const float>& residual = branch.residual;
  const int factor = branch.residual_factor;
  const int first = at.block * kBlock;
  GROUPNET_UNROLL for (int p = 0; p < P; ++p) {
    const float* from = factor == 1 ? residual.at(at.image, at.y, at.x) + p * residual.pixel_stride
                        : factor == 0 ? residual.at(at.image, 0, 0)
                                      : residual.at(at.image, at.y / factor, (at.x + p) / factor);
    GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
      out.v[p][b] = Vector::add(out.v[p][b], Vector::load_f(from + first + b * kBlock));
    }
  }
}

template <int P, int B>
GROUPNET_INLINE void compute_branch(const BranchArgs& branch, Place at, const DenseSums& sums,
                                    Tile<P, B>& out) {
  const float* dense = sums.values;
  if (dense != nullptr) dense += int64_t{at.x - sums.first_pixel} * B * kBlock;
  compute_term(branch.terms[0], at, sums, dense, out);
  for (int i = 1; i < branch.num_terms; ++i) {
    Tile<P, B> more;
    compute_term(branch.terms[i], at, sums, dense, more);
    each<P, B>([&](int p, int b) { out.v[p][b] = Vector::add(out.v[p][b], more.v[p][b]); });
  }
  if (branch.residual.origin != nullptr) add_residual(branch, at, out);
  apply(out, branch.final, at.block);
}

// One branch to its sinks.
struct BranchRows {
  const ConvArgs& args;
  const RowRange& range;

  struct Row {
    const ConvArgs& args;
    const BranchArgs& branch;
    int image, y, block;
    DenseSums sums;

    template <int P, int B>
    __attribute__((noinline)) void tile(int x) {
      Tile<P, B> values;
      Place at{image, y, x, block};
      compute_branch(branch, at, sums, values);
      store(values, branch.sinks, at, args.blocks);
    }
  };

  template <int B>
  void group(int block) {
    const BranchArgs& branch = args.branches[range.branch];
    for (int y = range.first_row; y < range.end_row; ++y) {
      in_stretches<B>(branch, Place{range.image, y, 0, block}, args.width,
                      [&](int first, int end, const DenseSums& sums) {
                        in_tiles<Vector::kPixels, B>(
                            first, end, Row{args, branch, range.image, y, block, sums});
                      });
    }
  }
};

void conv(const ConvArgs& args, const RowRange& range) {
  in_groups(range.quad * kQuadBlocks, end_of_quad(range.quad, args.blocks),
            BranchRows{args, range});
}

}  // namespace
}  // namespace groupnet
