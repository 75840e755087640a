// The average over all pixels.
#include "core/ops/float_maps/float_step.h"

namespace groupnet {

namespace {

class Mean : public FloatStep {
 public:
  Mean(const PartReader& reader, const Json& json, const std::string& where) {
    read_maps(reader, json, where);
  }

  MapSize output_size(ShapeInference& shapes) const override {
    shapes.of(input);
    return {1, 1};
  }

  // In blocks of channels.
  std::unique_ptr<PlannedStep> plan(StepPlanner& planner) const override {
    const BufferMemory& from = planner.buffer(input);
    auto args = plan_maps<MeanArgs>(planner);
    args.height = static_cast<int>(from.height);
    args.width = static_cast<int>(from.width);
    args.factor = static_cast<float>(1.0 / static_cast<double>(from.height * from.width));
    return std::make_unique<PlannedRows<MeanArgs>>(planner, args, blocks_of(out_channels));
  }
};

}  // namespace

std::unique_ptr<Step> read_mean(const PartReader& reader, const Json& json,
                                const std::string& where) {
  return std::make_unique<Mean>(reader, json, where);
}

}  // namespace groupnet
