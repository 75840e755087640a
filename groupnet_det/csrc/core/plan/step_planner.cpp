#include "core/plan/step_planner.h"

namespace groupnet {

std::unique_ptr<PlannedStep> StepPlanner::plan(size_t step, uint8_t* own_memory) {
  step_ = step;
  own_memory_ = own_memory;
  in_a_row_ = false;
  return program_.steps[step]->plan(*this);
}

SinksArgs StepPlanner::plan_sinks(const SinksSpec& spec, PackedSinks& parts) const {
  SinksArgs args;
  if (spec.float_buffer >= 0) args.floats = seen(buffers_[spec.float_buffer].floats);
  for (size_t i = 0; i < parts.bits.size(); ++i) {
    parts.bits[i].map = seen(buffers_[spec.bits[i].buffer].words);
  }
  for (size_t i = 0; i < parts.levels.size(); ++i) {
    parts.levels[i].map = seen(buffers_[spec.levels[i].buffer].floats);
  }
  for (size_t i = 0; i < parts.bytes.size(); ++i) {
    parts.bytes[i].map = seen(buffers_[spec.bytes[i].buffer].bytes);
  }
  args.bits = parts.bits.data();
  args.num_bits = static_cast<int>(parts.bits.size());
  args.levels = parts.levels.data();
  args.num_levels = static_cast<int>(parts.levels.size());
  args.bytes = parts.bytes.data();
  args.num_bytes = static_cast<int>(parts.bytes.size());
  return args;
}

}  // namespace groupnet
