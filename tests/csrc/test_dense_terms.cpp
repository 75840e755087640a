// Convolutions of floats and of bytes, and sinks of bytes: every instruction set against plain
// loops.
#include <cmath>
#include <cstring>
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

struct Case {
  int images, height, width, in_channels, out_channels;
  Window window;
  int terms = 1;

  int out_height() const { return static_cast<int>(window.output(height, window.kernel_height)); }
  int out_width() const { return static_cast<int>(window.output(width, window.kernel_width)); }
  std::string name() const {
    std::string text;
    for (int v : {images, height, width, in_channels, out_channels, window.kernel_height,
                  window.kernel_width, window.stride, window.padding, window.dilation, terms}) {
      text += " " + std::to_string(v);
    }
    return text;
  }
};

// A map with its border, channels in whole blocks. What lies in the blocks after the channels is
// not 0, for nothing may depend on it but products with weights of 0.
template <class T>
struct Map {
  Map(const Case& c, const std::vector<T>& values, T pad, T after) {
    const int border = c.window.padding, padded = blocks_of(c.in_channels) * kBlock;
    const int height = c.height + 2 * border, width = c.width + 2 * border;
    memory.assign(static_cast<size_t>(c.images) * height * width * padded, after);
    view.pixel_stride = padded;
    view.row_stride = int64_t{width} * padded;
    view.image_stride = height * view.row_stride;
    view.origin = memory.data() + border * (view.row_stride + view.pixel_stride);
    auto* from = values.data();
    for (int n = 0; n < c.images; ++n) {
      for (int y = -border; y < c.height + border; ++y) {
        for (int x = -border; x < c.width + border; ++x) {
          bool inside = 0 <= y && y < c.height && 0 <= x && x < c.width;
          for (int i = 0; i < c.in_channels; ++i) view_at(n, y, x)[i] = inside ? *from++ : pad;
        }
      }
    }
  }
  T* view_at(int n, int y, int x) {
    return memory.data() + (view.at(n, y, x) - static_cast<const T*>(memory.data()));
  }

  std::vector<T> memory;
  MapView<const T> view;
};

template <class T>
Tensor tensor_of(const Case& c, const std::vector<T>& values, const char* dtype) {
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.shape = {c.out_channels, c.window.kernel_height, c.window.kernel_width, c.in_channels};
  tensor.data = reinterpret_cast<const uint8_t*>(values.data());
  tensor.num_bytes = values.size() * sizeof(T);
  return tensor;
}

template <class T>
void set_window(const Case& c, const MapView<const T>& map, int64_t length, Arena& arena,
                TermArgs& term) {
  const Window& window = c.window;
  term.stride = window.stride;
  term.padding = window.padding;
  term.num_runs = window.kernel_height * window.kernel_width;
  term.run_length = static_cast<int>(length);
  auto* offsets = arena.make<int64_t>(static_cast<size_t>(term.num_runs));
  for (int i = 0; i < term.num_runs; ++i) {
    offsets[i] = window.dilation * (i / window.kernel_width * map.row_stride +
                                    i % window.kernel_width * map.pixel_stride);
  }
  term.run_offsets = offsets;
}

// By the kernels, without the channels that fill up a block.
std::vector<float> run(const Case& c, const std::vector<TermArgs>& terms,
                       const KernelTable& kernels) {
  BranchArgs branch;
  branch.terms = terms.data();
  branch.num_terms = static_cast<int>(terms.size());
  ConvArgs args;
  args.branches = &branch;
  args.num_branches = 1;
  args.blocks = blocks_of(c.out_channels);
  args.height = c.out_height();
  args.width = c.out_width();
  MapView<float>& out = branch.sinks.floats;
  out.pixel_stride = int64_t{args.blocks} * kBlock;
  out.row_stride = args.width * out.pixel_stride;
  out.image_stride = args.height * out.row_stride;
  std::vector<float> values(static_cast<size_t>(c.images * out.image_stride));
  out.origin = values.data();
  for (int n = 0; n < c.images; ++n) {
    for (int quad = 0; quad < quads_of(c.out_channels); ++quad) {
      kernels.conv(args, rows_of(n, quad, args.height));
    }
  }
  std::vector<float> existing;
  for (auto from = values.begin(); from != values.end(); from += out.pixel_stride) {
    existing.insert(existing.end(), from, from + c.out_channels);
  }
  return existing;
}

// The sum by `add(sum, x, w)` in the order of the weights.
template <class Sum, class X, class W, class Add>
std::vector<float> plain(const Case& c, const MapView<const X>& map, const std::vector<W>& weights,
                         const Add& add) {
  const Window& window = c.window;
  std::vector<float> out;
  for (int n = 0; n < c.images; ++n) {
    for (int y = 0; y < c.out_height(); ++y) {
      for (int x = 0; x < c.out_width(); ++x) {
        auto* w = weights.data();
        for (int channel = 0; channel < c.out_channels; ++channel) {
          Sum sum = 0;
          for (int ky = 0; ky < window.kernel_height; ++ky) {
            for (int kx = 0; kx < window.kernel_width; ++kx) {
              const X* in = map.at(n, y * window.stride - window.padding + ky * window.dilation,
                                   x * window.stride - window.padding + kx * window.dilation);
              for (int i = 0; i < c.in_channels; ++i) sum = add(sum, in[i], *w++);
            }
          }
          out.push_back(static_cast<float>(sum));
        }
      }
    }
  }
  return out;
}

size_t inputs(const Case& c) {
  return static_cast<size_t>(c.images) * c.height * c.width * c.in_channels;
}
size_t weights(const Case& c) {
  return static_cast<size_t>(c.out_channels) * c.window.kernel_height * c.window.kernel_width *
         c.in_channels;
}

// The same bits, and any NaN for a NaN.
bool same(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    bool nan = std::isnan(a[i]) && std::isnan(b[i]);
    if (!nan && std::memcmp(&a[i], &b[i], sizeof(float)) != 0) return false;
  }
  return true;
}

void add_to(std::vector<float>& sums, const std::vector<float>& more) {
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += more[i];
}

void compare_floats(const Case& c, bool extreme, std::mt19937& random) {
  if (c.out_height() <= 0 || c.out_width() <= 0) return;
  auto draw = [&](size_t count) {
    std::vector<float> values(count);
    for (float& v : values) {
      if (extreme) {  // any bits at all
        auto bits = static_cast<uint32_t>(random());
        if (random() % 64 != 0) bits = (bits & 0x807FFFFF) | (0x28 + random() % 46) << 23;
        std::memcpy(&v, &bits, sizeof v);
      } else {
        v = std::normal_distribution<float>()(random);
      }
    }
    return values;
  };
  std::vector<Map<float>> maps;
  std::vector<std::vector<float>> values;
  std::vector<float> expected;
  for (int i = 0; i < c.terms; ++i) {
    maps.emplace_back(c, draw(inputs(c)), 0.25f, NAN);
    values.push_back(draw(weights(c)));
    auto sums = plain<float>(c, maps.back().view, values.back(),
                             [](float sum, float x, float w) { return std::fma(x, w, sum); });
    if (i == 0) {
      expected = sums;
    } else {
      add_to(expected, sums);
    }
  }
  for (const KernelTable* kernels : available_kernels()) {
    Arena arena;
    std::vector<TermArgs> terms(static_cast<size_t>(c.terms));
    for (size_t i = 0; i < terms.size(); ++i) {
      terms[i].kind = TermKind::kFloats;
      terms[i].values = maps[i].view;
      set_window(c, maps[i].view, c.in_channels, arena, terms[i]);
      terms[i].weight_values =
          lay_out_floats(tensor_of(c, values[i], "F32"), kernels->group_blocks, arena);
    }
    check(same(run(c, terms, *kernels), expected),
          std::string(kernels->name) + " floats" + c.name() + (extreme ? " extreme" : ""));
  }
}

void compare_bytes(const Case& c, int zero, bool extreme, std::mt19937& random) {
  if (c.out_height() <= 0 || c.out_width() <= 0) return;
  std::vector<uint8_t> image(inputs(c));
  std::vector<int8_t> weight(weights(c));
  for (auto& v : image) v = static_cast<uint8_t>(extreme ? random() % 2 * 255 : random());
  for (auto& v : weight) v = static_cast<int8_t>(extreme ? random() % 4 ? -128 : 127 : random());
  Map<uint8_t> map(c, image, static_cast<uint8_t>(zero), 201);
  auto expected = plain<int32_t>(
      c, map.view, weight, [&](int32_t sum, uint8_t x, int8_t w) { return sum + (x - zero) * w; });
  for (const KernelTable* kernels : available_kernels()) {
    Arena arena;
    Tensor tensor = tensor_of(c, weight, "I8");
    TermArgs term;
    term.kind = TermKind::kBytes;
    term.bytes = map.view;
    set_window(c, map.view, fours_of(c.in_channels), arena, term);
    term.weight_bytes = lay_out_bytes(tensor, *kernels, arena);
    term.start = byte_starts(tensor, zero, *kernels, arena);
    check(same(run(c, {term}, *kernels), expected), std::string(kernels->name) + " bytes" +
                                                        c.name() + " zero " + std::to_string(zero) +
                                                        (extreme ? " extreme" : ""));
  }
}

void compare(const Case& c, std::mt19937& random) {
  compare_floats(c, false, random);
  compare_floats(c, true, random);
  for (int zero : {0, 128, 255, static_cast<int>(random() % 256)}) {
    compare_bytes(c, zero, zero == 128, random);
  }
}

}  // namespace

void test_dense_terms() {
  std::mt19937 random(3);
  for (int width = 1; width <= 30; ++width) {  // tiles of every size
    for (int out_channels : {16, 33, 80}) {
      compare({1, 2, width, 5, out_channels, window_of(1, 1, 1, 0, 1)}, random);
    }
  }
  for (int in_channels : {1, 3, 15, 16, 17, 40}) {
    compare({2, 5, 9, in_channels, 36, window_of(3, 3, 1, 1, 1)}, random);
    compare({2, 7, 4, in_channels, 18, window_of(3, 3, 2, 1, 1)}, random);
    compare({1, 9, 11, in_channels, 16, window_of(3, 2, 1, 3, 3)}, random);
  }
  compare({1, 1, 1, 100, 70, window_of(3, 3, 1, 1, 1)}, random);
  compare({1, 2, 700, 3, 65, window_of(1, 1, 1, 0, 1)}, random);     // more than a stretch
  compare({1, 2, 90, 3, 65, window_of(1, 3, 1, 1, 1), 7}, random);   // several terms: shorter ones
  compare({1, 1, 40, 2, 64, window_of(1, 1, 1, 0, 1), 64}, random);  // as many as a branch may have
}

}  // namespace groupnet_test
