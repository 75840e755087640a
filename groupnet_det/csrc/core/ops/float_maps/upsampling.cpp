// Bilinear upsampling to the size of another map, or of the canvas: `resize` and `interpolate`.
#include "core/error.h"
#include "core/ops/float_maps/float_step.h"

namespace groupnet {

namespace {

class Upsampling : public FloatStep {
 public:
  Upsampling(const PartReader& reader, const Json& json, const std::string& where, bool by_centers)
      : by_centers_(by_centers) {
    read_maps(reader, json, where);
    factor_ = whole(json, "factor", 1, kMaxWindow, where);
    if (const Json* like = json.find("like", where)) {
      like_ = reader.buffer_index(*like, where + ".like");
      require(like_ != output, where + " writes the buffer whose size it takes");
    }
    require(like_ >= 0 || !reader.program().is_part,
            where + ".like is missing: a part has no canvas");
  }

  std::vector<int> reads_size_of() const override {
    return like_ >= 0 ? std::vector<int>{like_} : std::vector<int>{};
  }

  MapSize output_size(ShapeInference& shapes) const override {
    const MapSize& from = shapes.of(input);
    const MapSize& to = like_ >= 0 ? shapes.of(like_) : shapes.canvas();
    shapes.require_fit(to.height <= from.height * factor_ && to.width <= from.width * factor_,
                       " cannot make " + size_text(to) + " of " + size_text(from) + " pixels");
    return to;
  }

  std::unique_ptr<PlannedStep> plan(StepPlanner& planner) const override {
    auto args = plan_windows<ResizeArgs>(planner);
    args.step = by_centers_ ? 2 : 1;  // halves of pixels, as a center is between two
    args.start = by_centers_ ? 1 - factor_ : 0;
    args.parts = args.step * factor_;
    return in_rows(planner, args);
  }

 private:
  const bool by_centers_;
  int factor_ = 1;
  int like_ = -1;  // whose size it takes, if not that of the canvas
};

}  // namespace

std::unique_ptr<Step> read_resize(const PartReader& reader, const Json& json,
                                  const std::string& where) {
  return std::make_unique<Upsampling>(reader, json, where, false);
}

std::unique_ptr<Step> read_interpolate(const PartReader& reader, const Json& json,
                                       const std::string& where) {
  return std::make_unique<Upsampling>(reader, json, where, true);
}

}  // namespace groupnet
