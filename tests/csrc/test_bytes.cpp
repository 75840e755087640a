// Convolutions of bytes, residuals of other sizes and sinks of bytes, of every instruction set,
// against plain loops.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "check.h"
#include "core/isa.h"
#include "core/layout.h"
#include "maps.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

constexpr int kHeight = 7, kWidth = 9;

struct Case {
  int in_channels, out_channels, kernel, stride, dilation, zero;
  bool extreme;  // the largest numbers there are
};

// A map of bytes with a border of `zero`, and weights, in the order of the format and of kernels.
class Example {
 public:
  Example(const Case& c, std::mt19937& random) : c_(c), padding_(c.dilation * (c.kernel - 1) / 2) {
    pixel_ = blocks_of(c.in_channels) * kBlock;
    row_ = (kWidth + 2 * padding_) * pixel_;
    input_.assign(static_cast<size_t>((kHeight + 2 * padding_) * row_),
                  static_cast<uint8_t>(c.zero));
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        for (int i = 0; i < pixel_; ++i) {  // what lies behind the channels is of no account
          at(y, x)[i] = c.extreme ? 255 : static_cast<uint8_t>(random());
        }
      }
    }
    weights_.resize(static_cast<size_t>(c.out_channels) * c.kernel * c.kernel * c.in_channels);
    for (size_t i = 0; i < weights_.size(); ++i) {
      weights_[i] =
          c.extreme ? (i % 2 ? int8_t{-128} : int8_t{127}) : static_cast<int8_t>(random());
    }
    tensor_.dtype = "I8";
    tensor_.shape = {c.out_channels, c.kernel, c.kernel, c.in_channels};
    tensor_.data = reinterpret_cast<const uint8_t*>(weights_.data());
    tensor_.num_bytes = weights_.size();
  }

  int out(int size) const { return (size - 1) / c_.stride + 1; }

  int32_t sum(int y, int x, int channel) const {
    int32_t total = 0;
    const int8_t* w =
        weights_.data() + static_cast<size_t>(channel) * c_.kernel * c_.kernel * c_.in_channels;
    for (int ky = 0; ky < c_.kernel; ++ky) {
      for (int kx = 0; kx < c_.kernel; ++kx) {
        const int in_y = y * c_.stride - padding_ + ky * c_.dilation;
        const int in_x = x * c_.stride - padding_ + kx * c_.dilation;
        const uint8_t* pixel = const_cast<Example*>(this)->at(in_y, in_x);
        for (int i = 0; i < c_.in_channels; ++i) total += (pixel[i] - c_.zero) * *w++;
      }
    }
    return total;
  }

  TermArgs term(const KernelTable& kernels, Arena& arena) {
    TermArgs term;
    term.kind = TermKind::kBytes;
    term.bytes = {at(0, 0), 0, row_, pixel_};
    term.stride = c_.stride;
    term.padding = padding_;
    const bool whole_rows = c_.dilation == 1;
    const int columns = whole_rows ? 1 : c_.kernel;
    term.num_runs = c_.kernel * columns;
    term.run_length = pixel_ / 4 * (whole_rows ? c_.kernel : 1);
    auto* offsets = arena.make<int64_t>(static_cast<size_t>(term.num_runs));
    for (int i = 0; i < term.num_runs; ++i) {
      offsets[i] = c_.dilation * (i / columns * int64_t{row_} + i % columns * int64_t{pixel_});
    }
    term.run_offsets = offsets;
    term.weight_bytes = lay_out_bytes(tensor_, kernels, arena);
    term.start = byte_starts(tensor_, c_.zero, arena);
    return term;
  }

 private:
  uint8_t* at(int y, int x) {
    return input_.data() + (y + padding_) * row_ + (x + padding_) * pixel_;
  }

  const Case c_;
  int padding_, pixel_ = 0, row_ = 0;
  std::vector<uint8_t> input_;
  std::vector<int8_t> weights_;
  Tensor tensor_;
};

void in_quads(const KernelTable& kernels, const ConvArgs& args) {
  for (int quad = 0; quad < (args.blocks + kQuadBlocks - 1) / kQuadBlocks; ++quad) {
    RowRange range;
    range.quad = quad;
    range.end_row = args.height;
    kernels.conv(args, range);
  }
}

void compare(const Case& c, std::mt19937& random) {
  Example example(c, random);
  const int height = example.out(kHeight), width = example.out(kWidth);
  FloatMap expected(1, height, width, c.out_channels);
  expected.each([&](int, int y, int x, int channel) {
    expected.at(0, y, x, channel) = static_cast<float>(example.sum(y, x, channel));
  });
  for (const KernelTable* kernels : available_kernels()) {
    Arena arena;
    FloatMap got(1, height, width, c.out_channels);
    TermArgs term = example.term(*kernels, arena);
    BranchArgs branch;
    branch.terms = &term;
    branch.num_terms = 1;
    branch.sinks.floats = got.view();
    in_quads(*kernels, {&branch, 1, nullptr, blocks_of(c.out_channels), height, width});
    bool same = true;
    expected.each([&](int, int y, int x, int channel) {
      same = same && got.at(0, y, x, channel) == expected.at(0, y, x, channel);
    });
    check(same, std::string(kernels->name) + " bytes " + std::to_string(c.in_channels) + "->" +
                    std::to_string(c.out_channels) + " k" + std::to_string(c.kernel) + " s" +
                    std::to_string(c.stride) + " d" + std::to_string(c.dilation) + " zero " +
                    std::to_string(c.zero) + (c.extreme ? " extreme" : ""));
  }
}

// A residual of which each value stands for `factor` rows and columns, or for all.
void compare_residuals(int factor, std::mt19937& random) {
  const Case c{5, 37, 3, 1, 1, 3, false};
  Example example(c, random);
  const int rows = factor == 0 ? 1 : (kHeight + factor - 1) / factor;
  const int columns = factor == 0 ? 1 : (kWidth + factor - 1) / factor;
  FloatMap residual(1, rows, columns, c.out_channels);
  for (float& value : residual.values) value = static_cast<float>(random() % 1000);
  for (const KernelTable* kernels : available_kernels()) {
    Arena arena;
    FloatMap got(1, kHeight, kWidth, c.out_channels);
    TermArgs term = example.term(*kernels, arena);
    BranchArgs branch;
    branch.terms = &term;
    branch.num_terms = 1;
    branch.residual = static_cast<const FloatMap&>(residual).view();
    branch.residual_factor = factor;
    branch.sinks.floats = got.view();
    in_quads(*kernels, {&branch, 1, nullptr, blocks_of(c.out_channels), kHeight, kWidth});
    bool same = true;
    got.each([&](int, int y, int x, int channel) {
      const float added = factor == 0 ? residual.at(0, 0, 0, channel)
                                      : residual.at(0, y / factor, x / factor, channel);
      const auto sum = static_cast<float>(example.sum(y, x, channel));
      same = same && got.at(0, y, x, channel) == sum + added;
    });
    check(same, std::string(kernels->name) + " residual of factor " + std::to_string(factor));
  }
}

uint8_t plain_byte(float value, float scale, int zero) {
  const double scaled = value * scale;  // a product of floats
  if (std::isnan(scaled)) return 0;
  return static_cast<uint8_t>(std::clamp(std::nearbyint(scaled) + zero, 0.0, 255.0));
}

void compare_sinks(float scale, int zero, std::mt19937& random) {
  const int channels = 21, width = 30;
  std::vector<float> given(static_cast<size_t>(width) * channels);
  const float special[] = {NAN,  INFINITY, -INFINITY, 3e38f, -3e38f, 0.0f,  -0.0f,
                           0.5f, 1.5f,     2.5f,      -0.5f, 254.5f, 255.5f};
  for (size_t i = 0; i < given.size(); ++i) {
    given[i] = i < std::size(special) ? special[i] : static_cast<float>(random() % 2000) / 4 - 100;
  }
  for (const KernelTable* kernels : available_kernels()) {
    std::vector<uint8_t> got(static_cast<size_t>(width) * 32);
    const BytesSinkArgs sink = {{got.data(), 0, 0, 32}, scale, zero};
    InputArgs args;
    args.values = {given.data(), 0, 0, channels};
    args.channels = channels;
    args.sinks.bytes = &sink;
    args.sinks.num_bytes = 1;
    args.blocks = 2;
    args.height = 1;
    args.width = width;
    kernels->input(args, 0, 0, 1);
    bool same = true;
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        same = same && got[32 * x + c] == plain_byte(given[x * channels + c], scale, zero);
      }
    }
    check(same, std::string(kernels->name) + " sink of bytes, scale " + std::to_string(scale) +
                    " zero " + std::to_string(zero));
  }
}

}  // namespace

void test_bytes() {
  std::mt19937 random(4);
  for (int in_channels : {1, 3, 4, 15, 16, 17, 64, 130}) {
    for (int out_channels : {1, 16, 33, 80}) {
      for (bool extreme : {false, true}) {
        compare({in_channels, out_channels, 1, 1, 1, 0, extreme}, random);
        compare({in_channels, out_channels, 3, 1, 1, 255, extreme}, random);
        compare({in_channels, out_channels, 3, 2, 1, 17, extreme}, random);
        compare({in_channels, out_channels, 3, 1, 2, 128, extreme}, random);
      }
    }
  }
  for (int factor : {0, 1, 2, 3, 8, 100}) compare_residuals(factor, random);
  for (float scale : {1.0f, 0.37f, 1e-30f, 3e38f}) {
    for (int zero : {0, 1, 128, 255}) compare_sinks(scale, zero, random);
  }
}

}  // namespace groupnet_test
