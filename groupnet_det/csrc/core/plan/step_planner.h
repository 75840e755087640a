// Kernel arguments of steps: what is packed, with the maps of one workspace.
#pragma once

#include <vector>

#include "core/arena.h"
#include "core/plan/shapes.h"
#include "core/plan/workspace.h"
#include "core/weights/packed_weights.h"

namespace groupnet {

template <class T>
MapView<const T> read_only(const MapView<T>& map) {
  return {map.origin, map.image_stride, map.row_stride, map.pixel_stride};
}

class StepPlanner {
 public:
  // All must outlive it; `arena` holds what the arguments point to.
  StepPlanner(const Program& program, const Shapes& shapes, const ImageSize& size,
              const std::vector<BufferMemory>& buffers, Arena& arena)
      : program_(program), shapes_(shapes), size_(size), buffers_(buffers), arena_(arena) {}

  // Fills the step, whose size and pixels are there. The step must stay where it is.
  void plan(const StepSpec& spec, const PackedStep& packed, PlannedStep& step);

 private:
  void plan_stem(const StemSpec& spec, const int32_t* last_channel_sums, PlannedStep& step);
  void plan_inside_sums(const Window& conv, const int32_t* last_channel_sums, StemArgs& args);
  void plan_input(const InputSpec& spec, PlannedStep& step);
  void plan_conv(const StepSpec& spec, PlannedStep& step);
  void plan_join(const JoinSpec& spec, PlannedStep& step);
  void plan_term(const TermSpec& spec, TermArgs& args);
  template <class T>
  void plan_runs(const TermSpec& spec, const MapView<T>& map, bool whole_rows, TermArgs& args);
  void plan_move(const StepSpec& spec, PlannedStep& step);
  template <class Args>
  void plan_maps(const MoveSpec& move, Args& args) const;
  void plan_mean(const MoveSpec& move, MeanArgs& args) const;
  template <class Args>
  void plan_sizes(const StepSpec& spec, const PlannedStep& step, Args& args) const;
  void plan_resize(const StepSpec& spec, PlannedStep& step) const;
  void plan_max_pool(const StepSpec& spec, PlannedStep& step) const;
  void plan_depth_to_space(const StepSpec& spec, PlannedStep& step) const;
  SinksArgs plan_sinks(const SinksSpec& spec, PackedSinks& parts);
  template <class T>
  MapView<T> seen(const MapView<T>& map) const;

  const Program& program_;
  const Shapes& shapes_;
  const ImageSize& size_;
  const std::vector<BufferMemory>& buffers_;
  Arena& arena_;
  bool in_a_row_ = false;  // see `seen`
};

}  // namespace groupnet
