// The first layer: a convolution of the image in integers, pooling, a map.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/format/program.h"
#include "core/weights/weight_packer.h"

namespace groupnet {

// The image in 16-bit numbers, on its canvas, with a border.
struct PixelMap {
  MapView<int16_t> map;  // its origin is the first pixel of the border
  int64_t rows = 0, border = 0;
  int channels = 0;
};

class Stem : public Step {
 public:
  Source source() const override { return Source::kImage; }
  std::vector<int> writes() const override { return sinks.buffers(); }
  std::optional<std::vector<RowWindow>> row_windows() const override {
    return std::vector<RowWindow>{};
  }
  void pack(WeightPacker& packer) override;
  MapSize output_size(ShapeInference& shapes) const override;
  size_t own_bytes(const Shapes& shapes, int64_t images) const override;
  std::unique_ptr<PlannedStep> plan(StepPlanner& planner) const override;

  Tensor weight;
  int image_channels = 0;
  Window conv;
  std::optional<Window> pool;
  MapSpec map;
  SinksSpec sinks;

 private:
  PixelMap plan_pixels(const MapSize& canvas) const;

  StemArgs packed_;
  const int32_t* last_channel_sums_ = nullptr;  // by sum_last_channel
  PackedSinks packed_sinks_;
};

}  // namespace groupnet
