// Every instruction set against plain loops, over channels, windows, sizes and both pads.
#include <random>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/run/binary_conv.h"
#include "core/run/isa.h"
#include "core/weights/layout.h"
#include "maps.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

struct Case {
  int images, height, width, in_channels, out_channels;
  Window window;
  int pad;

  std::string name() const {
    auto text = [](int v) { return std::to_string(v); };
    return text(images) + "x" + text(height) + "x" + text(width) + " c" + text(in_channels) + "->" +
           text(out_channels) + " k" + text(window.kernel_height) + " s" + text(window.stride) +
           " p" + text(window.padding) + " d" + text(window.dilation) + " pad" + text(pad);
  }
};

void in_one_thread(int64_t count, const std::function<void(int64_t, int64_t)>& run) {
  run(0, count);
}

void compare(const Case& c, std::mt19937& random) {
  BinaryConv conv;
  conv.images = c.images;
  conv.height = c.height;
  conv.width = c.width;
  conv.in_channels = c.in_channels;
  conv.window = c.window;
  conv.pad = c.pad;
  if (conv.out_height() <= 0 || conv.out_width() <= 0) return;

  const int words = words_of(c.in_channels);
  std::vector<uint32_t> input(static_cast<size_t>(c.images) * c.height * c.width * words, 0);
  for (size_t i = 0; i < input.size(); ++i) {
    for (int bit = 0; bit < 32; ++bit) {
      int channel = static_cast<int>(i % words) * 32 + bit;
      if (channel < c.in_channels) input[i] |= (random() & 1u) << bit;
    }
  }
  const int bytes = (c.in_channels + 7) / 8;
  const int taps = c.window.kernel_height * c.window.kernel_width;
  std::vector<uint8_t> weight(static_cast<size_t>(c.out_channels) * taps * bytes);
  for (size_t i = 0; i < weight.size(); ++i) {
    weight[i] = static_cast<uint8_t>(random());
    if (static_cast<int>(i % bytes) == bytes - 1 && c.in_channels % 8) {
      weight[i] &= static_cast<uint8_t>((1 << (c.in_channels % 8)) - 1);
    }
  }
  conv.input = input.data();
  conv.weight.dtype = "U8";
  conv.weight.shape = {c.out_channels, c.window.kernel_height, c.window.kernel_width, bytes};
  conv.weight.data = weight.data();
  conv.weight.num_bytes = weight.size();

  auto size = static_cast<size_t>(c.images * conv.out_height() * conv.out_width() * c.out_channels);
  std::vector<int32_t> expected(size), got(size);
  plain_binary_conv(conv, expected.data());
  for (const KernelTable* kernels : available_kernels()) {
    binary_conv(conv, *kernels, in_one_thread, got.data());
    check(got == expected, std::string(kernels->name) + " " + c.name());
  }
}

}  // namespace

void test_binary_conv() {
  std::mt19937 random(1);
  for (int in_channels : {1, 31, 32, 33, 63, 64, 65, 127, 256}) {
    for (int out_channels : {1, 16, 33, 64, 80}) {
      for (int pad : {0, 1}) {
        compare({1, 5, 9, in_channels, out_channels, window_of(3, 3, 1, 1, 1), pad}, random);
        compare({3, 7, 4, in_channels, out_channels, window_of(3, 3, 2, 1, 1), pad}, random);
        compare({1, 6, 7, in_channels, out_channels, window_of(1, 1, 2, 0, 1), pad}, random);
        compare({1, 1, 1, in_channels, out_channels, window_of(3, 3, 1, 1, 1), pad}, random);
      }
    }
  }
  for (int dilation : {2, 3, 5, 10, 12, 24, 36}) {
    compare({1, 11, 13, 65, 48, window_of(3, 3, 1, dilation, dilation), dilation % 2}, random);
    compare({1, 11, 13, 32, 48, window_of(3, 3, 2, dilation, dilation), dilation % 2}, random);
  }
  for (int kernel : {2, 5, 7})
    compare({2, 9, 17, 33, 70, window_of(kernel, kernel, 2, 2, 1), 1}, random);
  compare({1, 9, 9, 40, 20, window_of(3, 5, 1, 2, 1), 0}, random);
  std::uniform_int_distribution<int> side(1, 20), channels(1, 140), small(1, 3);
  for (int i = 0; i < 200; ++i) {
    Case c{
        small(random), side(random), side(random), channels(random), channels(random), Window(), 0};
    c.window.kernel_height = small(random);
    c.window.kernel_width = small(random);
    c.window.stride = small(random);
    c.window.dilation = small(random);
    c.window.padding = small(random) - 1;
    c.pad = i % 2;
    compare(c, random);
  }
}

void test_choice() {
  for (const auto* table : available_kernels()) {
    check(&choose_kernels(table->name) == table, std::string("choice of ") + table->name);
  }
  check(&choose_kernels("") == available_kernels().front(), "the best is chosen");
  try {
    choose_kernels("vax");
    check(false, "an unknown instruction set is refused");
  } catch (const Error& error) {
    std::string text = error.what();
    check(text.find("vax") != std::string::npos && text.find("portable") != std::string::npos,
          "the message lists what is possible: " + text);
  }
}

}  // namespace groupnet_test
