// The engine as torch sees it: the class PackedNetwork and a few functions.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/run/barrier_cost.h"
#include "core/run/binary_conv.h"
#include "core/run/isa.h"
#include "core/weights/layout.h"
#include "torch_ops/packed_network.h"

namespace groupnet {

namespace {

using at::Tensor;

void in_torch_threads(int64_t count, const std::function<void(int64_t, int64_t)>& run) {
  at::parallel_for(0, count, 1, run);
}

// (N, H, W, C) floats -> (N, H, W, 2 ceil(C / 64)) words; bit 1 where not x >= 0.
Tensor pack_signs(const Tensor& x) {
  TORCH_CHECK_VALUE(x.dim() == 4 && x.scalar_type() == at::kFloat,
                    "pack_signs takes float32 of shape (N, H, W, C)");
  Tensor words = at::zeros({x.size(0), x.size(1), x.size(2), (x.size(3) + 63) / 64 * 2}, at::kInt);
  Tensor values = x.contiguous();
  const int64_t channels = x.size(3), per_pixel = words.size(3);
  const float* from = values.const_data_ptr<float>();
  auto* to = reinterpret_cast<uint32_t*>(words.data_ptr<int32_t>());
  const int64_t pixels = x.size(0) * x.size(1) * x.size(2);
  at::parallel_for(0, pixels, 64, [&](int64_t begin, int64_t end) {
    for (int64_t pixel = begin; pixel < end; ++pixel) {
      for (int64_t c = 0; c < channels; ++c) {
        uint32_t negative = from[pixel * channels + c] >= 0 ? 0 : 1;
        to[pixel * per_pixel + c / 32] |= negative << (c % 32);
      }
    }
  });
  return words;
}

Tensor binary_conv2d(const Tensor& words, const Tensor& weight, int64_t in_channels, int64_t stride,
                     int64_t padding, int64_t dilation, int64_t pad_bit) {
  constexpr int64_t kMost = 4096, kMostElements = (int64_t{1} << 31) - 1;
  TORCH_CHECK_VALUE(words.dim() == 4 && words.scalar_type() == at::kInt,
                    "words must be int32 of shape (N, H, W, 2 ceil(C / 64)), by pack_signs");
  TORCH_CHECK_VALUE(weight.dim() == 4 && weight.scalar_type() == at::kByte && weight.numel() > 0,
                    "weight must be uint8 of shape (C_out, kH, kW, ceil(C / 8))");
  TORCH_CHECK_VALUE(1 <= stride && stride <= kMost && 0 <= padding && padding <= kMost &&
                        1 <= dilation && dilation <= kMost && (pad_bit == 0 || pad_bit == 1),
                    "stride and dilation are 1 to 4096, padding 0 to 4096, pad_bit 0 or 1");
  TORCH_CHECK_VALUE(0 < in_channels && in_channels <= (1 << 16) &&
                        words.size(3) == words_of(static_cast<int>(in_channels)) &&
                        weight.size(3) == (in_channels + 7) / 8,
                    "words of shape ", words.sizes(), " or weight of shape ", weight.sizes(),
                    " are not for ", in_channels, " channels");
  auto output = [&](int dimension) {
    int64_t room =
        words.size(dimension) + 2 * padding - (weight.size(dimension) - 1) * dilation - 1;
    TORCH_CHECK_VALUE(room >= 0, "the map is smaller than the kernel");
    return room / stride + 1;
  };
  TORCH_CHECK_VALUE(words.numel() <= kMostElements && weight.numel() <= kMostElements,
                    "more than 2^31 - 1 elements");
  const int64_t pixels = output(1) * output(2);  // sides are below 2^32
  TORCH_CHECK_VALUE(pixels <= kMostElements / weight.size(0) &&
                        words.size(0) <= kMostElements / (pixels * weight.size(0)),
                    "more than 2^31 - 1 elements");
  Tensor out = at::empty({words.size(0), output(1), output(2), weight.size(0)}, at::kInt);
  if (out.numel() == 0) return out;
  Tensor input = words.contiguous(), signs = weight.contiguous();
  BinaryConv conv;
  conv.images = words.size(0);
  conv.height = words.size(1);
  conv.width = words.size(2);
  conv.in_channels = static_cast<int>(in_channels);
  conv.input = reinterpret_cast<const uint32_t*>(input.const_data_ptr<int32_t>());
  conv.weight.shape = signs.sizes().vec();
  conv.weight.data = signs.const_data_ptr<uint8_t>();
  conv.weight.num_bytes = static_cast<size_t>(signs.numel());
  conv.window.kernel_height = static_cast<int>(weight.size(1));
  conv.window.kernel_width = static_cast<int>(weight.size(2));
  conv.window.stride = static_cast<int>(stride);
  conv.window.padding = static_cast<int>(padding);
  conv.window.dilation = static_cast<int>(dilation);
  conv.pad = static_cast<int>(pad_bit);
  as_value_error([&] {
    binary_conv(conv, choose_kernels_from_environment(), in_torch_threads, out.data_ptr<int32_t>());
    return 0;
  });
  return out;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const KernelTable* table : available_kernels()) names.emplace_back(table->name);
  return names;
}

double barrier_cost(int64_t threads, int64_t waits) {
  TORCH_CHECK_VALUE(0 < threads && threads <= 256 && waits > 0,
                    "threads must be 1 to 256, waits positive");
  return as_value_error([&] { return barrier_seconds(static_cast<int>(threads), waits); });
}

// Multiply-accumulates of signs per second of the inner loop of `isa` alone, in `threads` threads.
double register_limit(const std::string& isa, int64_t iterations, int64_t threads) {
  TORCH_CHECK_VALUE(iterations > 0 && threads > 0, "iterations and threads must be positive");
  const KernelTable& kernels = *as_value_error([&] { return &choose_kernels(isa); });
  std::atomic<int64_t> ready{0};
  std::atomic<int64_t> operations{0};
  auto work = [&] {
    ready.fetch_add(1);
    while (ready.load() < threads) {
    }
    operations.fetch_add(kernels.register_limit(iterations));
  };
  std::vector<std::thread> others;
  for (int64_t i = 1; i < threads; ++i) others.emplace_back(work);
  while (ready.load() < threads - 1) {
  }
  auto start = std::chrono::steady_clock::now();
  work();
  for (auto& thread : others) thread.join();
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return static_cast<double>(operations.load()) / seconds.count();
}

}  // namespace

TORCH_LIBRARY(groupnet_det, m) {
  m.class_<PackedNetwork>("PackedNetwork")
      .def(torch::init<std::string, int64_t>())
      .def("part", &PackedNetwork::part)
      .def("run", &PackedNetwork::run)
      .def("trace", &PackedNetwork::trace)
      .def("shapes", &PackedNetwork::shapes)
      .def("num_barriers", &PackedNetwork::num_barriers)
      .def("time_steps", &PackedNetwork::time_steps)
      .def("roi_align", &PackedNetwork::roi_align)
      .def("label_map", &PackedNetwork::label_map)
      .def("above_threshold", &PackedNetwork::above_threshold)
      .def("nms", &PackedNetwork::nms)
      .def("isa", &PackedNetwork::isa);
  m.def("pack_signs(Tensor x) -> Tensor");
  m.def(
      "binary_conv2d(Tensor words, Tensor weight, int in_channels, int stride, int padding, "
      "int dilation, int pad_bit) -> Tensor");
  m.def("available_isas() -> str[]", available_isas);
  m.def("barrier_seconds(int threads, int waits) -> float", barrier_cost);
  m.def("register_limit(str isa, int iterations, int threads) -> float", register_limit);
}

TORCH_LIBRARY_IMPL(groupnet_det, CPU, m) {
  m.impl("pack_signs", pack_signs);
  m.impl("binary_conv2d", binary_conv2d);
}

}  // namespace groupnet
