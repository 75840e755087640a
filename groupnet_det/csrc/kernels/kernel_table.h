// What the kernels of every instruction set take and offer: plain structs and pointers.
#pragma once

#include <cstdint>

#include "kernels/map_args.h"
#include "kernels/row_kernels.h"

namespace groupnet {

enum class TermKind : int { kBits, kFloats, kBytes };

// A convolution as runs of consecutive elements of the input: rows of the kernel, or its positions
// where these are apart. The pixel stride of the input says only how far apart the inputs of
// neighbouring outputs are: where the images are taken for the pixels of a row, it is that of
// images.
struct TermArgs {
  explicit TermArgs() = default;
  TermKind kind = TermKind::kFloats;
  MapView<const uint32_t> words;  // where of bits
  MapView<const float> values;    // where of floats
  MapView<const uint8_t> bytes;   // where of bytes
  int stride = 1, padding = 0;
  int num_runs = 0;
  int run_length = 0;                    // pairs of words, channels, or fours of bytes
  const int64_t* run_offsets = nullptr;  // from the first position, in elements
  const uint32_t* weight_words = nullptr;
  const float* weight_values = nullptr;
  const int8_t* weight_bytes = nullptr;  // fours of each of 16 channels
  const float* offset = nullptr;         // where of bits
  const int32_t* start = nullptr;        // where of bytes: (byte_bias - zero) * sum of the weights
  MapArgs map;
};

struct BranchArgs {
  explicit BranchArgs() = default;
  const TermArgs* terms = nullptr;
  int num_terms = 0;
  MapView<const float> residual;  // origin null where missing
  int residual_factor = 1;        // rows and columns for which one of the residual stands; 0: all
  MapArgs final;
  SinksArgs sinks;
};

struct JoinArgs {
  explicit JoinArgs() = default;
  const float* scales = nullptr;
  float mean = 1;
  bool alias = false;
  bool gated = false;
  float gate[2] = {1, 0};
  bool has_merged = false;
  SinksArgs merged;
  const SinksArgs* branches = nullptr;  // one for each; empty ones write nothing
};

struct ConvArgs {
  explicit ConvArgs() = default;
  const BranchArgs* branches = nullptr;
  int num_branches = 0;
  const JoinArgs* join = nullptr;
  int blocks = 0;
  int height = 0, width = 0;  // of the output
};

struct StemArgs {
  explicit StemArgs() = default;
  MapView<const int16_t> pixels;  // its origin is the first pixel of the border
  int stride = 1;
  int kernel_height = 0, run_length = 0;  // pairs of numbers in a row of the kernel
  const int32_t* weights = nullptr;       // pairs of 16-bit numbers
  // What the channel that is 255 inside and 0 outside adds: (row classes, column classes, padded
  // channels), where a class is a set of rows, or columns, with the same part of the kernel inside.
  const int32_t* inside_sums = nullptr;
  const int32_t* row_class = nullptr;     // of each row of the convolution
  const int32_t* column_class = nullptr;  // of each column
  int num_column_classes = 0;
  int conv_height = 0, conv_width = 0;
  int pool_kernel = 1, pool_stride = 1, pool_padding = 0;
  MapArgs map;
  SinksArgs sinks;
  int blocks = 0;
  int height = 0, width = 0;
};

// out[c] = sum over i of weights[i] * values[offsets[i] + c], from the first on, each fused.
struct WeightedSumArgs {
  explicit WeightedSumArgs() = default;
  const float* values = nullptr;
  const int64_t* offsets = nullptr;
  const float* weights = nullptr;
  int count = 0;
  int channels = 0;
  float* out = nullptr;
};

// Rows [first_row, end_row) of the 64 channels of a quad, of one image.
struct RowRange {
  explicit RowRange() = default;
  int image = 0, branch = 0, quad = 0;
  int first_row = 0, end_row = 0;
};

struct KernelTable {
  const char* name;
  bool paired;       // layout of words of bits
  int group_blocks;  // blocks of output channels that a tile covers: the layout of weights
  int byte_bias;     // taken from each byte of a map before it is multiplied
  void (*conv)(const ConvArgs&, const RowRange&);  // one branch, without a join
  // All branches and the join; `scratch` holds at least `joined_scratch` floats.
  void (*joined_conv)(const ConvArgs&, const RowRange&, float* scratch, int64_t scratch_size);
  int64_t (*joined_scratch)(const ConvArgs&);
  // All channels of rows; `scratch` holds `stem_scratch` numbers.
  void (*stem)(const StemArgs&, int image, int first_row, int end_row, int32_t* scratch);
  int64_t (*stem_scratch)(const StemArgs&);
  RowKernels rows;
  void (*weighted_sum)(const WeightedSumArgs&);
  // Multiply-accumulates in `iterations` of a loop that has its operands in registers.
  int64_t (*register_limit)(int64_t iterations);

  // The one that takes these arguments.
  template <class Args>
  RowFunction<Args> row_kernel() const {
    return static_cast<const RowKernel<Args>&>(rows).compute;
  }
};

// Null where this build has none for the architecture.
const KernelTable* portable_kernels();
const KernelTable* avx2_kernels();
const KernelTable* avx512_paired_kernels();
const KernelTable* avx512_plain_kernels();
const KernelTable* avx512_shuffle_kernels();
const KernelTable* neon_kernels();
const KernelTable* neon_dot_kernels();

}  // namespace groupnet
