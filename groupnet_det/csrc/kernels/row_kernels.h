// Kernels that compute rows of all channels of a map: their arguments, and the list of them.
#pragma once

#include "kernels/map_args.h"

namespace groupnet {

struct MeanArgs {
  explicit MeanArgs() = default;
  MapView<const float> input;
  MapView<float> output;
  int height = 0, width = 0;
  float factor = 1;
};

// The map that a part of a network is given, with its channels without gaps.
struct InputArgs {
  explicit InputArgs() = default;
  MapView<const float> values;
  int channels = 0;
  MapArgs map;
  SinksArgs sinks;
  int blocks = 0;
  int height = 0, width = 0;
};

// Upsampling by linear interpolation; sizes of the input, and of the output. Position p of the
// output is at max(step * p + start, 0) / parts of the input.
struct ResizeArgs {
  explicit ResizeArgs() = default;
  MapView<const float> input;
  MapView<float> output;
  int step = 1, start = 0, parts = 1;
  int blocks = 0;
  int in_height = 0, in_width = 0;
  int height = 0, width = 0;
};

struct MaxPoolArgs {
  explicit MaxPoolArgs() = default;
  MapView<const float> input;
  MapView<float> output;
  int kernel = 1, stride = 1, padding = 0;
  int blocks = 0;
  int in_height = 0, in_width = 0;
  int height = 0, width = 0;
};

struct DepthToSpaceArgs {
  explicit DepthToSpaceArgs() = default;
  MapView<const float> input;
  MapView<float> output;
  int factor = 1;
  int channels = 0;           // of the output
  int height = 0, width = 0;  // of the output
};

// Computes [first, end) of the rows of an image's output, or for `MeanArgs` of its blocks.
template <class Args>
using RowFunction = void (*)(const Args&, int image, int first, int end);

template <class Args>
struct RowKernel {
  RowFunction<Args> compute;
};

// One for each type of arguments.
template <class... Args>
struct RowKernelList : RowKernel<Args>... {};

using RowKernels = RowKernelList<MeanArgs, InputArgs, ResizeArgs, MaxPoolArgs, DepthToSpaceArgs>;

}  // namespace groupnet
