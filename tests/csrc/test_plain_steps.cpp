// Steps beside convolutions, residuals and sinks of bytes: every instruction set against plain
// loops.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <random>
#include <vector>

#include "check.h"
#include "core/format/program.h"
#include "core/run/isa.h"
#include "core/weights/layout.h"
#include "maps.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

std::mt19937 generator(3);

int draw(int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator); }

// Mostly normal numbers.
float draw_float() {
  static const float kSpecial[] = {
      0.0f, -0.0f, 1e-42f, 3e38f,    -3e38f,   std::numeric_limits<float>::infinity(),
      NAN,  0.5f,  -1.5f,  INFINITY, -INFINITY};
  if (draw(0, 9) == 0) return kSpecial[draw(0, 10)];
  return std::normal_distribution<float>(0, 2)(generator);
}

FloatMap random_map(int images, int height, int width, int channels) {
  FloatMap map(images, height, width, channels);
  for (float& value : map.values) value = draw_float();
  return map;
}

void compare(const FloatMap& got, const FloatMap& expected, const std::string& what) {
  bool same = true;
  expected.each([&](int n, int y, int x, int c) {
    const float a = got.at(n, y, x, c), b = expected.at(n, y, x, c);
    same = same && (std::memcmp(&a, &b, 4) == 0 || (std::isnan(a) && std::isnan(b)));
  });
  check(same, what);
}

float plain_lerp(float a, float b, float t) { return std::fmaf(b - a, t, a); }

// Both maps, their sizes, and the blocks of their channels.
template <class Args>
void set_maps(const FloatMap& in, FloatMap& out, Args& args) {
  args.input = in.view();
  args.output = out.view();
  args.blocks = blocks_of(in.channels);
  args.in_height = in.height;
  args.in_width = in.width;
  args.height = out.height;
  args.width = out.width;
}

// Where position `at` of the result lies between two of the input: the first of them, and the share
// of the other.
std::pair<int, float> plain_place(int at, int factor, bool by_centers) {
  const int halves = by_centers ? std::max(2 * at + 1 - factor, 0) : 2 * at;
  return {halves / (2 * factor),
          static_cast<float>(halves % (2 * factor)) / static_cast<float>(2 * factor)};
}

void test_resize(const KernelTable& kernels, bool by_centers) {
  const int factor = draw(1, 9), images = draw(1, 2), channels = draw(1, 40);
  const FloatMap in = random_map(images, draw(1, 5), draw(1, 5), channels);
  FloatMap got(images, draw(1, factor * in.height), draw(1, factor * in.width), channels);
  FloatMap expected = got;
  expected.each([&](int n, int y, int x, int c) {
    const auto [i, s] = plain_place(y, factor, by_centers);
    const auto [j, t] = plain_place(x, factor, by_centers);
    const int below = std::min(i + 1, in.height - 1), right = std::min(j + 1, in.width - 1);
    expected.at(n, y, x, c) =
        plain_lerp(plain_lerp(in.at(n, i, j, c), in.at(n, i, right, c), t),
                   plain_lerp(in.at(n, below, j, c), in.at(n, below, right, c), t), s);
  });
  ResizeArgs args;
  set_maps(in, got, args);
  args.step = by_centers ? 2 : 1;
  args.start = by_centers ? 1 - factor : 0;
  args.parts = args.step * factor;
  for (int n = 0; n < images; ++n) {
    for (int y = 0; y < got.height; ++y) kernels.row_kernel<ResizeArgs>()(args, n, y, y + 1);
  }
  compare(got, expected,
          std::string(kernels.name) + (by_centers ? " interpolate by " : " resize by ") +
              std::to_string(factor));
}

void test_max_pool(const KernelTable& kernels) {
  const int kernel = draw(1, 5), stride = draw(1, 3), padding = draw(0, kernel - 1);
  const int channels = draw(1, 40);
  const FloatMap in = random_map(2, draw(kernel, 9), draw(kernel, 9), channels);
  const Window window = window_of(kernel, kernel, stride, padding, 1);
  FloatMap got(2, static_cast<int>(window.output(in.height, kernel)),
               static_cast<int>(window.output(in.width, kernel)), channels);
  FloatMap expected = got;
  expected.each([&](int n, int y, int x, int c) {
    bool first = true;
    float most = 0;
    for (int ky = 0; ky < kernel; ++ky) {
      for (int kx = 0; kx < kernel; ++kx) {
        const int in_y = y * stride - padding + ky, in_x = x * stride - padding + kx;
        if (in_y < 0 || in_y >= in.height || in_x < 0 || in_x >= in.width) continue;
        const float value = in.at(n, in_y, in_x, c);
        if (first || value > most) most = value;
        first = false;
      }
    }
    expected.at(n, y, x, c) = most;
  });
  MaxPoolArgs args;
  set_maps(in, got, args);
  args.kernel = kernel;
  args.stride = stride;
  args.padding = padding;
  for (int n = 0; n < 2; ++n) kernels.row_kernel<MaxPoolArgs>()(args, n, 0, got.height);
  compare(got, expected, std::string(kernels.name) + " max_pool of " + std::to_string(kernel));
}

void test_depth_to_space(const KernelTable& kernels) {
  const int factor = draw(1, 4), channels = draw(1, 20);
  const FloatMap in = random_map(2, draw(1, 4), draw(1, 4), factor * factor * channels);
  FloatMap got(2, factor * in.height, factor * in.width, channels), expected = got;
  in.each([&](int n, int y, int x, int c) {
    const int part = c / channels;
    expected.at(n, factor * y + part / factor, factor * x + part % factor, c % channels) =
        in.at(n, y, x, c);
  });
  DepthToSpaceArgs args;
  args.input = in.view();
  args.output = got.view();
  args.factor = factor;
  args.channels = channels;
  args.height = got.height;
  args.width = got.width;
  for (int n = 0; n < 2; ++n) {
    kernels.row_kernel<DepthToSpaceArgs>()(args, n, 0, 1);
    kernels.row_kernel<DepthToSpaceArgs>()(args, n, 1, got.height);
  }
  compare(got, expected,
          std::string(kernels.name) + " depth_to_space by " + std::to_string(factor));
}

// Its map has no gaps, and nothing after it.
void test_input(const KernelTable& kernels) {
  const int channels = draw(1, 50), height = draw(1, 4), width = draw(1, 4);
  FloatMap got(2, height, width, channels), expected = got;
  std::vector<float> given;
  expected.each([&](int n, int y, int x, int c) {
    given.push_back(draw_float());
    expected.at(n, y, x, c) = given.back();
  });
  InputArgs args;
  args.values = {given.data(), int64_t{height} * width * channels, int64_t{width} * channels,
                 channels};
  args.channels = channels;
  args.sinks.floats = got.view();
  args.blocks = blocks_of(channels);
  args.height = height;
  args.width = width;
  for (int n = 0; n < 2; ++n) kernels.row_kernel<InputArgs>()(args, n, 0, height);
  compare(got, expected, std::string(kernels.name) + " input of " + std::to_string(channels));
}

// A residual of which each value stands for `factor` rows and columns, or for all.
void test_residual(const KernelTable& kernels, int factor) {
  const int channels = draw(1, 70), height = 7, width = 9;
  const FloatMap in = random_map(2, height, width, 1);
  const FloatMap residual = random_map(2, factor == 0 ? 1 : (height + factor - 1) / factor,
                                       factor == 0 ? 1 : (width + factor - 1) / factor, channels);
  FloatMap got(2, height, width, channels), expected = got;
  expected.each([&](int n, int y, int x, int c) {
    const float added =
        factor == 0 ? residual.at(n, 0, 0, c) : residual.at(n, y / factor, x / factor, c);
    expected.at(n, y, x, c) = std::fmaf(in.at(n, y, x, 0), 3.0f, 0.0f) + added;
  });
  Arena arena;
  TermArgs term;
  term.values = in.view();
  term.num_runs = term.run_length = 1;
  term.run_offsets = arena.make<int64_t>(1);
  auto* weights = arena.make<float>(static_cast<size_t>(blocks_of(channels)) * kBlock);
  std::fill_n(weights, channels, 3.0f);  // the same in each order
  term.weight_values = weights;
  BranchArgs branch;
  branch.terms = &term;
  branch.num_terms = 1;
  branch.residual = residual.view();
  branch.residual_factor = factor;
  branch.sinks.floats = got.view();
  ConvArgs args;
  args.branches = &branch;
  args.num_branches = 1;
  args.blocks = blocks_of(channels);
  args.height = height;
  args.width = width;
  for (int n = 0; n < 2; ++n) {
    for (int quad = 0; quad < quads_of(channels); ++quad) {
      kernels.conv(args, rows_of(n, quad, height));
    }
  }
  compare(got, expected,
          std::string(kernels.name) + " residual of factor " + std::to_string(factor));
}

uint8_t plain_byte(float value, float scale, int zero) {
  const double scaled = value * scale;  // a product of floats
  if (std::isnan(scaled)) return 0;
  return static_cast<uint8_t>(std::clamp(std::nearbyint(scaled) + zero, 0.0, 255.0));
}

void test_sinks_of_bytes(float scale, int zero) {
  const int channels = 21, width = 30;
  std::vector<float> given(static_cast<size_t>(width) * channels);
  const float special[] = {NAN,  INFINITY, -INFINITY, 3e38f, -3e38f, 0.0f,  -0.0f,
                           0.5f, 1.5f,     2.5f,      -0.5f, 254.5f, 255.5f};
  for (size_t i = 0; i < given.size(); ++i) {
    given[i] =
        i < std::size(special) ? special[i] : static_cast<float>(generator() % 2000) / 4 - 100;
  }
  for (const KernelTable* kernels : available_kernels()) {
    std::vector<uint8_t> got(static_cast<size_t>(width) * 32);
    BytesSinkArgs sink;
    sink.map = {got.data(), 0, 0, 32};
    sink.scale = scale;
    sink.zero = zero;
    InputArgs args;
    args.values = {given.data(), 0, 0, channels};
    args.channels = channels;
    args.sinks.bytes = &sink;
    args.sinks.num_bytes = 1;
    args.blocks = 2;
    args.height = 1;
    args.width = width;
    kernels->row_kernel<InputArgs>()(args, 0, 0, 1);
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

void test_plain_steps() {
  for (const KernelTable* kernels : available_kernels()) {
    for (int i = 0; i < 60; ++i) {
      test_resize(*kernels, false);
      test_resize(*kernels, true);
      test_max_pool(*kernels);
      test_depth_to_space(*kernels);
      test_input(*kernels);
    }
    for (int factor : {0, 1, 2, 3, 8, 100}) test_residual(*kernels, factor);
  }
  for (float scale : {1.0f, 0.37f, 1e-30f, 3e38f}) {
    for (int zero : {0, 1, 128, 255}) test_sinks_of_bytes(scale, zero);
  }
}

}  // namespace groupnet_test
