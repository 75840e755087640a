// Steps that move numbers, or combine a few of them for each of the output.
#pragma once

#include "kernels/steps/tile.h"

namespace groupnet {
namespace {

// Each kernel is an overload of `compute_rows`: see RowKernels.

void compute_rows(const MeanArgs& args, int image, int first_block, int end_block) {
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

struct InputRow {
  const InputArgs& args;
  int image, y, block;

  template <int P, int B>
  GROUPNET_INLINE void tile(int x) {
    Tile<P, B> values;
    each<P, B>([&](int p, int b) {
      const int first = (block + b) * kBlock;
      const float* from = args.values.at(image, y, x + p) + first;
      if (first + kBlock <= args.channels) {
        values.v[p][b] = Vector::load_f(from);
        return;
      }
      float part[kBlock] = {};  // nothing lies after the last channel of the last pixel
      for (int i = 0; first + i < args.channels; ++i) part[i] = from[i];
      values.v[p][b] = Vector::load_f(part);
    });
    apply(values, args.map, block);
    store(values, args.sinks, Place{image, y, x, block}, args.blocks);
  }
};

void compute_rows(const InputArgs& args, int image, int first_row, int end_row) {
  for (int y = first_row; y < end_row; ++y) {
    for (int block = 0; block < args.blocks; ++block) {
      in_tiles<1, 1>(0, args.width, InputRow{args, image, y, block});
    }
  }
}

GROUPNET_INLINE F lerp(F a, F b, F t) { return Vector::fma(Vector::sub(b, a), t, a); }

void compute_rows(const ResizeArgs& args, int image, int first_row, int end_row) {
  const auto place = [&](int position) { return larger(args.step * position + args.start, 0); };
  const auto share = [&](int position) {
    return static_cast<float>(place(position) % args.parts) / static_cast<float>(args.parts);
  };
  for (int y = first_row; y < end_row; ++y) {
    const int top = place(y) / args.parts, bottom = smaller(top + 1, args.in_height - 1);
    const F down = Vector::set_f(share(y));
    for (int x = 0; x < args.width; ++x) {
      const int left = place(x) / args.parts, right = smaller(left + 1, args.in_width - 1);
      const F across = Vector::set_f(share(x));
      const float* corners[4] = {args.input.at(image, top, left), args.input.at(image, top, right),
                                 args.input.at(image, bottom, left),
                                 args.input.at(image, bottom, right)};
      float* out = args.output.at(image, y, x);
      for (int c = 0; c < args.blocks * kBlock; c += kBlock) {
        F above = lerp(Vector::load_f(corners[0] + c), Vector::load_f(corners[1] + c), across);
        F below = lerp(Vector::load_f(corners[2] + c), Vector::load_f(corners[3] + c), across);
        Vector::store_f(out + c, lerp(above, below, down));
      }
    }
  }
}

void compute_rows(const MaxPoolArgs& args, int image, int first_row, int end_row) {
  for (int y = first_row; y < end_row; ++y) {
    const int top = y * args.stride - args.padding;
    const int first_y = larger(top, 0), end_y = smaller(top + args.kernel, args.in_height);
    for (int x = 0; x < args.width; ++x) {
      const int left = x * args.stride - args.padding;
      const int first_x = larger(left, 0), end_x = smaller(left + args.kernel, args.in_width);
      for (int c = 0; c < args.blocks * kBlock; c += kBlock) {
        // The first value meets itself, which changes nothing, not even a NaN.
        F most = Vector::load_f(args.input.at(image, first_y, first_x) + c);
        for (int in_y = first_y; in_y < end_y; ++in_y) {
          for (int in_x = first_x; in_x < end_x; ++in_x) {
            most = Vector::max(Vector::load_f(args.input.at(image, in_y, in_x) + c), most);
          }
        }
        Vector::store_f(args.output.at(image, y, x) + c, most);
      }
    }
  }
}

void compute_rows(const DepthToSpaceArgs& args, int image, int first_row, int end_row) {
  for (int y = first_row; y < end_row; ++y) {
    for (int x = 0; x < args.width; ++x) {
      const int part = y % args.factor * args.factor + x % args.factor;
      const float* from = args.input.at(image, y / args.factor, x / args.factor);
      __builtin_memcpy(args.output.at(image, y, x), from + int64_t{part} * args.channels,
                       sizeof(float) * static_cast<unsigned>(args.channels));
    }
  }
}

}  // namespace
}  // namespace groupnet
