// The first layer: 16-bit weights times bytes of the image, in integers; max-pooling; a map.
#pragma once

#include <climits>

#include "kernels/steps/tile.h"

namespace groupnet {
namespace {

int64_t stem_scratch(const StemArgs& args) {
  return int64_t{smaller(args.pool_kernel, args.conv_height)} * args.conv_width * Vector::kBlocks *
         kBlock;
}

// Rows of the convolution stand in a ring of as many as the pooling reads.
struct StemRows {
  const StemArgs& args;
  int image, first_row, end_row;
  int32_t* scratch;

  struct ConvRow {
    const StemArgs& args;
    int image, y, block;
    int32_t* out;

    template <int P, int B>
    __attribute__((noinline)) void tile(int x) {
      const int64_t step = args.pixels.pixel_stride * args.stride;
      const int16_t* first = args.pixels.at(image, int64_t{y} * args.stride, 0) + x * step;
      const int32_t* weight =
          args.weights + int64_t{block} * args.kernel_height * args.run_length * kBlock;
      I sum[P][B];
      GROUPNET_UNROLL for (int p = 0; p < P; ++p) {
        const int64_t inside =
            int64_t{args.row_class[y]} * args.num_column_classes + args.column_class[x + p];
        const int32_t* start = args.inside_sums + (inside * args.blocks + block) * kBlock;
        GROUPNET_UNROLL for (int b = 0; b < B; ++b) sum[p][b] = Vector::load_i(start + b * kBlock);
      }
      for (int ky = 0; ky < args.kernel_height; ++ky) {
        const int16_t* in = first + ky * args.pixels.row_stride;
        for (int pair = 0; pair < args.run_length; ++pair) {
          I w[B];
          GROUPNET_UNROLL for (int b = 0; b < B; ++b) w[b] = Vector::load_i(weight + b * kBlock);
          weight += B * kBlock;
          GROUPNET_UNROLL for (int p = 0; p < P; ++p) {
            int32_t two;
            __builtin_memcpy(&two, in + p * step + 2 * pair, sizeof two);
            I a = Vector::set_i(two);
            GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
              sum[p][b] = Vector::dot2(sum[p][b], w[b], a);
            }
          }
        }
      }
      each<P, B>([&](int p, int b) {
        Vector::store_i(out + (int64_t{x + p} * B + b) * kBlock, sum[p][b]);
      });
    }
  };

  struct PooledRow {
    const StemArgs& args;
    int image, y, block;
    const int32_t* ring;

    template <int P, int B>
    __attribute__((noinline)) void tile(int x) {
      Tile<P, B> values;
      GROUPNET_UNROLL for (int p = 0; p < P; ++p) {
        I best[B];
        GROUPNET_UNROLL for (int b = 0; b < B; ++b) best[b] = Vector::set_i(INT_MIN);
        for (int ky = 0; ky < args.pool_kernel; ++ky) {
          int in_y = y * args.pool_stride - args.pool_padding + ky;
          if (in_y < 0 || in_y >= args.conv_height) continue;
          const int32_t* row =
              ring + int64_t{in_y % args.pool_kernel} * args.conv_width * B * kBlock;
          for (int kx = 0; kx < args.pool_kernel; ++kx) {
            int in_x = (x + p) * args.pool_stride - args.pool_padding + kx;
            if (in_x < 0 || in_x >= args.conv_width) continue;
            GROUPNET_UNROLL for (int b = 0; b < B; ++b) {
              I next = Vector::load_i(row + (int64_t{in_x} * B + b) * kBlock);
              best[b] = Vector::max_i(best[b], next);
            }
          }
        }
        GROUPNET_UNROLL for (int b = 0; b < B; ++b) values.v[p][b] = Vector::to_float(best[b]);
      }
      apply(values, args.map, block);
      store(values, args.sinks, Place{image, y, x, block}, args.blocks);
    }
  };

  template <int B>
  void group(int block) {
    int done = 0;  // rows of the convolution in the ring end here
    for (int y = first_row; y < end_row; ++y) {
      const int begin = larger<int>(0, y * args.pool_stride - args.pool_padding);
      const int end = smaller<int>(args.conv_height,
                                   y * args.pool_stride - args.pool_padding + args.pool_kernel);
      for (int row = y == first_row ? begin : larger<int>(done, begin); row < end; ++row) {
        int32_t* out = scratch + int64_t{row % args.pool_kernel} * args.conv_width * B * kBlock;
        in_tiles<Vector::kDensePixels, B>(0, args.conv_width,
                                          ConvRow{args, image, row, block, out});
      }
      done = end;
      in_tiles<Vector::kPixels, B>(0, args.width, PooledRow{args, image, y, block, scratch});
    }
  }
};

void stem(const StemArgs& args, int image, int first_row, int end_row, int32_t* scratch) {
  in_groups(0, args.blocks, StemRows{args, image, first_row, end_row, scratch});
}

}  // namespace
}  // namespace groupnet
