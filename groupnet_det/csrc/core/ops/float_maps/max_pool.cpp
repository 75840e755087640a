// Max-pooling of floats; what lies outside is ignored.
#include "core/ops/float_maps/float_step.h"

namespace groupnet {

namespace {

class MaxPool : public FloatStep {
 public:
  MaxPool(const PartReader& reader, const Json& json, const std::string& where) {
    read_maps(reader, json, where);
    pool_ = read_pool(json.at("pool", where), where + ".pool");
  }

  MapSize output_size(ShapeInference& shapes) const override {
    return shapes.windowed(shapes.of(input), pool_, out_channels);
  }

  std::unique_ptr<PlannedStep> plan(StepPlanner& planner) const override {
    auto args = plan_windows<MaxPoolArgs>(planner);
    args.kernel = pool_.kernel_height;
    args.stride = pool_.stride;
    args.padding = pool_.padding;
    return in_rows(planner, args);
  }

 private:
  Window pool_;
};

}  // namespace

std::unique_ptr<Step> read_max_pool(const PartReader& reader, const Json& json,
                                    const std::string& where) {
  return std::make_unique<MaxPool>(reader, json, where);
}

}  // namespace groupnet
