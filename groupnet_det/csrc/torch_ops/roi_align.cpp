// Regions of a packed network's maps, as torch's tensors.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include "torch_ops/packed_network.h"

namespace groupnet {

namespace {

bool is_floats(const at::Tensor& x, int64_t dimensions) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.dim() == dimensions;
}

}  // namespace

at::Tensor PackedNetwork::roi_align(const std::vector<at::Tensor>& maps, const at::Tensor& boxes,
                                    const at::Tensor& level_of, const std::vector<double>& scales,
                                    int64_t rows, int64_t columns, int64_t sampling_ratio,
                                    bool aligned) {
  constexpr int64_t kMost = 4096, kMostElements = (int64_t{1} << 31) - 1;
  constexpr int64_t kMostSide = 1 << 24;  // float32 counts pixels up to this
  TORCH_CHECK_VALUE(!maps.empty() && maps.size() == scales.size(), "there are ", maps.size(),
                    " maps and ", scales.size(), " scales");
  TORCH_CHECK_VALUE(is_floats(boxes, 2) && boxes.size(1) == 4, "boxes must be float32 (R, 4)");
  TORCH_CHECK_VALUE(level_of.dim() == 1 && level_of.scalar_type() == at::kLong &&
                        level_of.size(0) == boxes.size(0),
                    "level_of must be int64 (R,)");
  TORCH_CHECK_VALUE(1 <= rows && rows <= kMost && 1 <= columns && columns <= kMost &&
                        0 <= sampling_ratio && sampling_ratio <= kMost,
                    "rows and columns are 1 to 4096, sampling_ratio 0 to 4096");
  RoiAlign regions;
  std::vector<at::Tensor> kept;
  for (size_t i = 0; i < maps.size(); ++i) {
    TORCH_CHECK_VALUE(is_floats(maps[i], 4) && maps[i].size(0) == 1 && maps[i].numel() > 0 &&
                          maps[i].numel() <= kMostElements && maps[i].size(1) <= kMostSide &&
                          maps[i].size(2) <= kMostSide && maps[i].size(3) == maps[0].size(3),
                      "maps must be float32 (1, H, W, C), all with C channels, of sides up to 2^24 "
                      "and fewer than 2^31 elements");
    kept.push_back(maps[i].contiguous());
    AlignLevel& level = regions.levels.emplace_back();
    level.map = kept[i].const_data_ptr<float>();
    level.height = static_cast<int>(maps[i].size(1));
    level.width = static_cast<int>(maps[i].size(2));
    level.scale = static_cast<float>(scales[i]);
  }
  const auto last = static_cast<int64_t>(maps.size()) - 1;
  TORCH_CHECK_VALUE(level_of.numel() == 0 || (level_of.min().item<int64_t>() >= 0 &&
                                              level_of.max().item<int64_t>() <= last),
                    "level_of names maps that there are not");
  const int64_t each = rows * columns * maps[0].size(3);  // below 2^55
  TORCH_CHECK_VALUE(boxes.size(0) <= kMostElements / each, boxes.size(0), " regions of ", rows,
                    " x ", columns, " pixels with ", maps[0].size(3),
                    " channels have more than 2^31 - 1 elements");
  const at::Tensor sides = boxes.contiguous(), levels = level_of.contiguous();
  regions.channels = static_cast<int>(maps[0].size(3));
  regions.boxes = sides.const_data_ptr<float>();
  regions.level_of = levels.const_data_ptr<int64_t>();
  regions.num_boxes = boxes.size(0);
  regions.rows = static_cast<int>(rows);
  regions.columns = static_cast<int>(columns);
  regions.sampling_ratio = static_cast<int>(sampling_ratio);
  regions.aligned = aligned;
  at::Tensor out = at::empty({boxes.size(0), rows, columns, maps[0].size(3)}, at::kFloat);
  return as_value_error([&] {
    network_->roi_align(regions, at::get_num_threads(), out.data_ptr<float>());
    return out;
  });
}

}  // namespace groupnet
