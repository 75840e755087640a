// The map that a part of a network is given, on its way to buffers.
#include "core/format/readers/part_reader.h"
#include "core/plan/step_planner.h"
#include "core/weights/layout.h"

namespace groupnet {

namespace {

class PlannedInput : public PlannedStep {
 public:
  PlannedInput(const InputArgs& args, const SinksSpec& spec, const PackedSinks& sinks,
               const StepPlanner& planner)
      : kernel_(planner.kernels().row_kernel<InputArgs>()), args_(args), sinks_(sinks) {
    args_.sinks = planner.plan_sinks(spec, sinks_);
  }

  void run(Worker& worker) const override {
    InputArgs args = args_;
    args.values.origin = worker.given().maps;
    worker.in_rows(
        worker.size().images, args.height, [&](int64_t image, int64_t begin, int64_t end) {
          kernel_(args, static_cast<int>(image), static_cast<int>(begin), static_cast<int>(end));
        });
  }

  void move_maps(const Move& move) override { move_sinks(args_.sinks, sinks_, move); }

 private:
  const RowFunction<InputArgs> kernel_;
  InputArgs args_;  // without the values
  PackedSinks sinks_;
};

class Input : public Step {
 public:
  Input(const PartReader& reader, const Json& json, const std::string& where) {
    out_channels = reader.program().input_channels;
    map_ = reader.read_map(json, "map", where, out_channels);
    sinks_ = reader.read_all_sinks(json, where, out_channels);
  }

  Source source() const override { return Source::kMap; }
  std::vector<int> writes() const override { return sinks_.buffers(); }

  void pack(WeightPacker& packer) override {
    packed_map_ = packer.pack(map_, out_channels);
    packed_sinks_ = packer.pack(sinks_, out_channels);
  }

  MapSize output_size(ShapeInference& shapes) const override { return shapes.given(); }

  std::unique_ptr<PlannedStep> plan(StepPlanner& planner) const override {
    InputArgs args;
    args.channels = out_channels;
    args.values.pixel_stride = args.channels;
    args.values.row_stride = planner.width() * args.values.pixel_stride;
    args.values.image_stride = planner.height() * args.values.row_stride;
    args.map = packed_map_;
    args.blocks = blocks_of(out_channels);
    args.height = planner.height();
    args.width = planner.width();
    return std::make_unique<PlannedInput>(args, sinks_, packed_sinks_, planner);
  }

 private:
  MapSpec map_;
  SinksSpec sinks_;
  MapArgs packed_map_;
  PackedSinks packed_sinks_;
};

}  // namespace

std::unique_ptr<Step> read_input(const PartReader& reader, const Json& json,
                                 const std::string& where) {
  return std::make_unique<Input>(reader, json, where);
}

}  // namespace groupnet
