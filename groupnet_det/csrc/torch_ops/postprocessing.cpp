// From raw outputs to predictions, as torch's tensors.

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "core/detect/label_map.h"
#include "core/detect/nms.h"
#include "core/detect/score_threshold.h"
#include "torch_ops/packed_network.h"

namespace groupnet {

at::Tensor PackedNetwork::label_map(const at::Tensor& logits, int64_t height, int64_t width) {
  constexpr int64_t kMost = int64_t{1} << 30;
  TORCH_CHECK_VALUE(logits.device().is_cpu() && logits.scalar_type() == at::kFloat &&
                        logits.dim() == 4 && logits.size(0) == 1 && logits.numel() > 0,
                    "logits must be float32 (1, H, W, C)");
  TORCH_CHECK_VALUE(0 < height && 0 < width && height <= kMost && width <= kMost / height,
                    "a label map has 1 to 2^30 pixels");
  const at::Tensor values = logits.stride(3) == 1 ? logits : logits.contiguous();
  LabelMap map;
  map.logits = {values.const_data_ptr<float>(), values.stride(0), values.stride(1),
                values.stride(2)};
  map.channels = static_cast<int>(values.size(3));
  map.height = values.size(1);
  map.width = values.size(2);
  map.out_height = height;
  map.out_width = width;
  std::vector<int32_t> found(height * width);
  return as_value_error([&] {
    network_->label_map(map, at::get_num_threads(), found.data());
    at::Tensor labels = at::empty({height, width}, at::kLong);
    std::copy(found.begin(), found.end(), labels.data_ptr<int64_t>());
    return labels;
  });
}

std::tuple<at::Tensor, at::Tensor> PackedNetwork::above_threshold(const at::Tensor& values,
                                                                  double bound) {
  TORCH_CHECK_VALUE(
      values.device().is_cpu() && values.scalar_type() == at::kFloat && values.dim() == 1,
      "values must be float32 of one dimension");
  const at::Tensor flat = values.contiguous();
  return as_value_error([&] {
    const Found found = network_->above_threshold(flat.const_data_ptr<float>(), flat.numel(),
                                                  static_cast<float>(bound), at::get_num_threads());
    const auto count = static_cast<int64_t>(found.index.size());
    at::Tensor index = at::empty({count}, at::kLong), above = at::empty({count}, at::kFloat);
    std::copy(found.index.begin(), found.index.end(), index.data_ptr<int64_t>());
    std::copy(found.values.begin(), found.values.end(), above.data_ptr<float>());
    return std::make_tuple(index, above);
  });
}

at::Tensor PackedNetwork::nms(const at::Tensor& boxes, const at::Tensor& scores,
                              const at::Tensor& classes, double threshold) {
  const auto is = [](const at::Tensor& x, at::ScalarType type, int64_t dimensions) {
    return x.device().is_cpu() && x.scalar_type() == type && x.dim() == dimensions;
  };
  TORCH_CHECK_VALUE(is(boxes, at::kFloat, 2) && boxes.size(1) == 4 && is(scores, at::kFloat, 1) &&
                        is(classes, at::kLong, 1) && scores.size(0) == boxes.size(0) &&
                        classes.size(0) == boxes.size(0),
                    "boxes, scores and classes must be float32 (R, 4), float32 (R,), int64 (R,)");
  const at::Tensor sides = boxes.contiguous(), values = scores.contiguous(),
                   labels = classes.contiguous();
  Candidates candidates;
  candidates.boxes = sides.const_data_ptr<float>();
  candidates.scores = values.const_data_ptr<float>();
  candidates.classes = labels.const_data_ptr<int64_t>();
  candidates.count = boxes.size(0);
  return as_value_error([&] {
    const std::vector<int64_t> kept = network_->nms(candidates, threshold, at::get_num_threads());
    at::Tensor numbers = at::empty({static_cast<int64_t>(kept.size())}, at::kLong);
    std::copy(kept.begin(), kept.end(), numbers.data_ptr<int64_t>());
    return numbers;
  });
}

}  // namespace groupnet
