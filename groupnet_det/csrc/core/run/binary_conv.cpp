#include "core/run/binary_conv.h"

#include <vector>

#include "core/memory/arena.h"
#include "core/weights/layout.h"

namespace groupnet {

namespace {

// The input with a border, in the words of the kernels. Pads fill the channels that exist.
MapView<const uint32_t> with_border(const BinaryConv& conv, bool paired, Arena& arena) {
  const int words = words_of(conv.in_channels), border = conv.window.padding;
  MapView<uint32_t> map;
  map.pixel_stride = words;
  map.row_stride = (conv.width + 2 * border) * words;
  map.image_stride = (conv.height + 2 * border) * map.row_stride;
  auto* memory = arena.make<uint32_t>(static_cast<size_t>(conv.images * map.image_stride));
  map.origin = memory + border * (map.row_stride + words);
  std::vector<uint32_t> outside(static_cast<size_t>(words), 0);
  for (int c = 0; c < conv.in_channels && conv.pad; ++c) outside[c / 32] |= uint32_t{1} << (c % 32);
  for (int64_t n = 0; n < conv.images; ++n) {
    for (int64_t y = -border; y < conv.height + border; ++y) {
      for (int64_t x = -border; x < conv.width + border; ++x) {
        bool inside = 0 <= y && y < conv.height && 0 <= x && x < conv.width;
        const uint32_t* from =
            inside ? conv.input + ((n * conv.height + y) * conv.width + x) * words : outside.data();
        uint32_t* to = map.at(n, y, x);
        for (int i = 0; i < words; i += 2) {
          WordPair pair = pair_words(from[i], from[i + 1], paired);
          to[i] = pair.first;
          to[i + 1] = pair.second;
        }
      }
    }
  }
  return {map.origin, map.image_stride, map.row_stride, map.pixel_stride};
}

int bit(const uint8_t* row, int channel) { return (row[channel / 8] >> (channel % 8)) & 1; }

}  // namespace

void binary_conv(const BinaryConv& conv, const KernelTable& kernels, const ParallelFor& in_parallel,
                 int32_t* out) {
  Arena arena;
  const int out_channels = static_cast<int>(conv.weight.shape[0]);
  const Window& window = conv.window;
  TermArgs term;
  term.kind = TermKind::kBits;
  term.words = with_border(conv, kernels.paired, arena);
  term.stride = window.stride;
  term.padding = window.padding;
  term.num_runs = window.kernel_height * window.kernel_width;
  term.run_length = words_of(conv.in_channels) / 2;
  auto* offsets = arena.make<int64_t>(static_cast<size_t>(term.num_runs));
  for (int i = 0; i < term.num_runs; ++i) {
    offsets[i] = window.dilation * (i / window.kernel_width * term.words.row_stride +
                                    i % window.kernel_width * term.words.pixel_stride);
  }
  term.run_offsets = offsets;
  term.weight_words = lay_out_signs(conv.weight, conv.in_channels, kernels, arena);
  std::vector<float> products(static_cast<size_t>(out_channels),
                              static_cast<float>(term.num_runs * conv.in_channels));
  term.offset = lay_out_channels(products, out_channels, 0.0f, arena);

  ConvArgs args;
  args.num_branches = 1;
  args.blocks = blocks_of(out_channels);
  args.height = static_cast<int>(conv.out_height());
  args.width = static_cast<int>(conv.out_width());
  BranchArgs branch;
  branch.terms = &term;
  branch.num_terms = 1;
  MapView<float>& sums = branch.sinks.floats;
  sums.pixel_stride = int64_t{args.blocks} * kBlock;
  sums.row_stride = args.width * sums.pixel_stride;
  sums.image_stride = args.height * sums.row_stride;
  sums.origin = arena.make<float>(static_cast<size_t>(conv.images * sums.image_stride));
  args.branches = &branch;

  const int quads = quads_of(out_channels);
  in_parallel(conv.images * quads * args.height, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      RowRange range;
      range.first_row = static_cast<int>(item % args.height);
      range.end_row = range.first_row + 1;
      range.quad = static_cast<int>(item / args.height % quads);
      range.image = static_cast<int>(item / args.height / quads);
      kernels.conv(args, range);
    }
  });
  for (int64_t n = 0; n < conv.images; ++n) {
    for (int64_t y = 0; y < args.height; ++y) {
      for (int64_t x = 0; x < args.width; ++x) {
        const float* from = sums.at(n, y, x);
        for (int c = 0; c < out_channels; ++c) *out++ = static_cast<int32_t>(from[c]);
      }
    }
  }
}

void plain_binary_conv(const BinaryConv& conv, int32_t* out) {
  const Window& window = conv.window;
  const int64_t row_bytes = conv.weight.shape[3];
  const int words = words_of(conv.in_channels);
  for (int64_t n = 0; n < conv.images; ++n) {
    for (int64_t y = 0; y < conv.out_height(); ++y) {
      for (int64_t x = 0; x < conv.out_width(); ++x) {
        for (int64_t channel = 0; channel < conv.weight.shape[0]; ++channel) {
          int32_t sum = 0;
          for (int ky = 0; ky < window.kernel_height; ++ky) {
            for (int kx = 0; kx < window.kernel_width; ++kx) {
              int64_t in_y = y * window.stride - window.padding + ky * window.dilation;
              int64_t in_x = x * window.stride - window.padding + kx * window.dilation;
              bool inside = 0 <= in_y && in_y < conv.height && 0 <= in_x && in_x < conv.width;
              const uint8_t* weights =
                  conv.weight.data +
                  ((channel * window.kernel_height + ky) * window.kernel_width + kx) * row_bytes;
              const uint32_t* pixel =
                  inside ? conv.input + ((n * conv.height + in_y) * conv.width + in_x) * words
                         : nullptr;
              for (int c = 0; c < conv.in_channels; ++c) {
                int a = inside ? static_cast<int>((pixel[c / 32] >> (c % 32)) & 1) : conv.pad;
                sum += a == bit(weights, c) ? 1 : -1;
              }
            }
          }
          *out++ = sum;
        }
      }
    }
  }
}

}  // namespace groupnet
