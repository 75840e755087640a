// A packed file, or a part of one, as an object of torch.
#pragma once

#include <ATen/core/Dict.h>
#include <ATen/core/Tensor.h>
#include <torch/custom_class.h>

#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "core/run/network.h"

namespace groupnet {

// Errors of the engine are a ValueError in Python.
template <class Run>
auto as_value_error(const Run& run) {
  try {
    return run();
  } catch (const Error& error) {
    TORCH_CHECK_VALUE(false, error.what());
  } catch (const std::bad_alloc&) {
    TORCH_CHECK_VALUE(false, "there is not enough memory");
  }
}

class PackedNetwork : public torch::CustomClassHolder {
 public:
  // `bases` as of Network.
  PackedNetwork(const std::string& path, int64_t bases);
  explicit PackedNetwork(std::shared_ptr<Network> network) : network_(std::move(network)) {}

  c10::intrusive_ptr<PackedNetwork> part(const std::string& name) const;
  // Outputs by name, float32 (N, H, W, C). They may have gaps between pixels.
  c10::Dict<std::string, at::Tensor> run(const at::Tensor& given);
  // Steps, buffers, and what each of these holds after its step.
  std::tuple<std::vector<int64_t>, std::vector<int64_t>, std::vector<at::Tensor>> trace(
      const at::Tensor& given);
  // (N, H, W, C) of each buffer for (images, height, width), 0 where it is never written; nothing
  // is computed.
  std::vector<std::vector<int64_t>> shapes(int64_t images, int64_t height, int64_t width) const;
  // How often threads wait for all others in a run on (images, height, width).
  int64_t num_barriers(int64_t images, int64_t height, int64_t width) const;
  // Seconds of (repeats, steps).
  at::Tensor time_steps(const at::Tensor& given, int64_t repeats);
  // RoIAlign of boxes (R, 4), each on the map (1, H, W, C) that `level_of` names: (R, rows,
  // columns, C). See core/detect/roi_align.h.
  at::Tensor roi_align(const std::vector<at::Tensor>& maps, const at::Tensor& boxes,
                       const at::Tensor& level_of, const std::vector<double>& scales, int64_t rows,
                       int64_t columns, int64_t sampling_ratio, bool aligned);
  // Logits (1, H, W, C) -> labels, int64 (height, width). See core/detect/label_map.h.
  at::Tensor label_map(const at::Tensor& logits, int64_t height, int64_t width);
  // Numbers, rising, and values of those above a bound.
  std::tuple<at::Tensor, at::Tensor> above_threshold(const at::Tensor& values, double bound);
  // Numbers, rising, of the boxes (R, 4) that remain. See core/detect/nms.h.
  at::Tensor nms(const at::Tensor& boxes, const at::Tensor& scores, const at::Tensor& classes,
                 double threshold);
  std::string isa() const { return network_->kernels().name; }

 private:
  int64_t images_at_once(ImageSize size);
  void run_part(const at::Tensor& given, bool alone, std::vector<std::vector<at::Tensor>>& parts);
  at::Tensor take(const Workspace& workspace, int buffer, std::shared_ptr<const void> holder) const;
  at::Tensor read(const Workspace& workspace, int buffer) const;

  std::shared_ptr<Network> network_;
};

}  // namespace groupnet
