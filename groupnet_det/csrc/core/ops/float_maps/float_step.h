// What steps from one float map to another one have in common.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/format/readers/part_reader.h"
#include "core/plan/step_planner.h"
#include "core/weights/layout.h"

namespace groupnet {

class FloatStep : public Step {
 public:
  std::vector<int> reads() const override { return {input}; }
  std::vector<int> writes() const override { return {output}; }

 protected:
  // Reads `input` and `output`, float buffers; the channels of the input are `groups` times those
  // of the output, of which the caller has made sure.
  void read_maps(const PartReader& reader, const Json& json, const std::string& where,
                 int groups = 1);
  static int input_channels(const PartReader& reader, const Json& json, const std::string& where);

  // Arguments with both maps and the size of the output.
  template <class Args>
  Args plan_maps(const StepPlanner& planner) const {
    Args args;
    args.input = read_only(planner.buffer(input).floats);
    args.output = planner.buffer(output).floats;
    args.height = planner.height();
    args.width = planner.width();
    return args;
  }
  // Besides, the size of the input and the blocks of channels.
  template <class Args>
  Args plan_windows(const StepPlanner& planner) const {
    Args args = plan_maps<Args>(planner);
    args.in_height = static_cast<int>(planner.buffer(input).height);
    args.in_width = static_cast<int>(planner.buffer(input).width);
    args.blocks = blocks_of(out_channels);
    return args;
  }

  int input = -1, output = -1;
};

// A kernel on rows of each image, or on whatever else it can be cut into.
template <class Args>
class PlannedRows : public PlannedStep {
 public:
  PlannedRows(const StepPlanner& planner, const Args& args, int rows)
      : kernel_(planner.kernels().row_kernel<Args>()), args_(args), rows_(rows) {}

  void run(Worker& worker) const override {
    worker.in_rows(worker.size().images, rows_, [&](int64_t image, int64_t begin, int64_t end) {
      kernel_(args_, static_cast<int>(image), static_cast<int>(begin), static_cast<int>(end));
    });
  }

  void move_maps(const Move& move) override {
    move.apply(args_.input.origin);
    move.apply(args_.output.origin);
  }

 private:
  const RowFunction<Args> kernel_;
  Args args_;
  const int rows_;
};

// In rows of the output.
template <class Args>
std::unique_ptr<PlannedStep> in_rows(const StepPlanner& planner, const Args& args) {
  return std::make_unique<PlannedRows<Args>>(planner, args, args.height);
}

}  // namespace groupnet
