// Groups of channels, laid out as factor x factor pixels.
#include "core/error.h"
#include "core/ops/float_maps/float_step.h"

namespace groupnet {

namespace {

class DepthToSpace : public FloatStep {
 public:
  DepthToSpace(const PartReader& reader, const Json& json, const std::string& where) {
    factor_ = whole(json, "factor", 1, kMaxWindow, where);
    const int channels = input_channels(reader, json, where), groups = factor_ * factor_;
    require(channels % groups == 0, where + ": its input has " + std::to_string(channels) +
                                        " channels, which are no groups of factor x factor");
    read_maps(reader, json, where, groups);
  }

  MapSize output_size(ShapeInference& shapes) const override {
    const MapSize& from = shapes.of(input);
    return {from.height * factor_, from.width * factor_};
  }

  std::unique_ptr<PlannedStep> plan(StepPlanner& planner) const override {
    auto args = plan_maps<DepthToSpaceArgs>(planner);
    args.factor = factor_;
    args.channels = out_channels;
    return in_rows(planner, args);
  }

 private:
  int factor_ = 1;
};

}  // namespace

std::unique_ptr<Step> read_depth_to_space(const PartReader& reader, const Json& json,
                                          const std::string& where) {
  return std::make_unique<DepthToSpace>(reader, json, where);
}

}  // namespace groupnet
