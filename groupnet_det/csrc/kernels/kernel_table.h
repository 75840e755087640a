// What the kernels of every instruction set take and offer: plain structs and pointers.
//
// Layouts. A block is 16 output channels, a quad 64 (four blocks). Maps of floats, and of bytes,
// are (N, H, W, C) with C padded to whole blocks. Maps of bits, and weights of one bit, have 64
// channels in two 32-bit words a0 and a1: as (a0 ^ a1, a0) for kernels with the paired adder, else
// as (a0, a1). Weights are stored so that one vector holds the same word (or number) of 16 output
// channels.
//
// Constructors are explicit so that members are set by name: a list of values in an old order does
// not compile.
#pragma once

#include <cstdint>

namespace groupnet {

constexpr int kBlock = 16;
constexpr int kQuadBlocks = 4;
constexpr int kMaxBranches = 64;

// A map in memory; strides in elements. `origin` is pixel (0, 0) of image 0, inside the border.
template <class T>
struct MapView {
  T* origin = nullptr;
  int64_t image_stride = 0;
  int64_t row_stride = 0;
  int64_t pixel_stride = 0;

  // Inlined always: a copy compiled for one instruction set must not serve another.
  __attribute__((always_inline)) T* at(int64_t image, int64_t y, int64_t x) const {
    return origin + image * image_stride + y * row_stride + x * pixel_stride;
  }
};

enum class ActCode : int { kNone, kRelu, kPrelu };

// For all channels in whole blocks; null where a part is missing.
struct MapArgs {
  explicit MapArgs() = default;
  const float* scale1 = nullptr;
  const float* shift1 = nullptr;
  const float* slope = nullptr;
  const float* scale2 = nullptr;
  const float* shift2 = nullptr;
  ActCode act = ActCode::kNone;
  bool is_identity = true;
};

struct BitsSinkArgs {
  explicit BitsSinkArgs() = default;
  MapView<uint32_t> map;
  const float* threshold = nullptr;
  const uint16_t* flip = nullptr;   // of each block: 1 where the bit is not (v >= threshold)
  const uint16_t* valid = nullptr;  // of each block: channels that exist
};

struct LevelsSinkArgs {
  explicit LevelsSinkArgs() = default;
  MapView<float> map;
  const float* thresholds = nullptr;  // (L, padded channels)
  const float* values = nullptr;      // (L + 1, padded channels)
  int num_thresholds = 0;
};

// Unsigned bytes: v * scale rounded to an integer, plus zero, within 0 to 255.
struct BytesSinkArgs {
  explicit BytesSinkArgs() = default;
  MapView<uint8_t> map;
  float scale = 1;
  int zero = 0;
};

struct SinksArgs {
  explicit SinksArgs() = default;
  MapView<float> floats;  // origin null where absent
  const BitsSinkArgs* bits = nullptr;
  int num_bits = 0;
  const LevelsSinkArgs* levels = nullptr;
  int num_levels = 0;
  const BytesSinkArgs* bytes = nullptr;
  int num_bytes = 0;
};

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
  MapView<const float> residual;  // origin null where absent
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
  void (*mean)(const MeanArgs&, int image, int first_block, int end_block);
  // All channels of rows of the output.
  void (*input)(const InputArgs&, int image, int first_row, int end_row);
  void (*resize)(const ResizeArgs&, int image, int first_row, int end_row);
  void (*max_pool)(const MaxPoolArgs&, int image, int first_row, int end_row);
  void (*depth_to_space)(const DepthToSpaceArgs&, int image, int first_row, int end_row);
  void (*weighted_sum)(const WeightedSumArgs&);
  // Multiply-accumulates in `iterations` of a loop that has its operands in registers.
  int64_t (*register_limit)(int64_t iterations);
};

// Null where this build has none for the architecture.
const KernelTable* portable_kernels();
const KernelTable* avx2_kernels();
const KernelTable* avx512_paired_kernels();
const KernelTable* avx512_plain_kernels();
const KernelTable* neon_kernels();
const KernelTable* neon_dot_kernels();

}  // namespace groupnet
