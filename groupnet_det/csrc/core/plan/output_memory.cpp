#include "core/plan/output_memory.h"

#include <algorithm>
#include <atomic>

#include "core/plan/workspace.h"

namespace groupnet {

namespace {

// One that a caller still looks at while the next run goes on, and one for that run.
constexpr size_t kMaxSlabs = 2;

void move_sinks(PackedSinks& sinks, const Move& move) {
  for (auto& sink : sinks.levels) move.apply(sink.map.origin);
}

template <class Args>
void move_both(Args& args, const Move& move) {
  move.apply(args.input.origin);
  move.apply(args.output.origin);
}

}  // namespace

std::shared_ptr<Slab> OutputMemory::claim() {
  const std::shared_ptr<Slab> before = slabs_.empty() ? nullptr : slabs_.back();
  for (auto slab = slabs_.end(); slab != slabs_.begin();) {
    --slab;
    if (slab->use_count() > (*slab == before ? 2 : 1)) continue;
    std::atomic_thread_fence(std::memory_order_acquire);  // the holders' last reads come before
    std::rotate(slab, slab + 1, slabs_.end());
    return before;
  }
  if (slabs_.size() == kMaxSlabs) slabs_.erase(slabs_.begin());
  slabs_.push_back(std::make_shared<Slab>());
  slabs_.back()->fit(bytes_);
  return before;
}

void move_maps(PlannedStep& step, const Move& move) {
  for (SinksArgs* sinks : {&step.stem.sinks, &step.input.sinks, &step.join.merged}) {
    move.apply(sinks->floats.origin);
  }
  move_sinks(step.sinks, move);
  for (BranchArgs& branch : step.branches) {
    move.apply(branch.residual.origin);
    move.apply(branch.sinks.floats.origin);
  }
  for (PackedBranch& parts : step.branch_parts) {
    for (TermArgs& term : parts.terms) move.apply(term.values.origin);
    move_sinks(parts.sinks, move);
  }
  for (SinksArgs& sinks : step.joined) move.apply(sinks.floats.origin);
  for (PackedSinks& parts : step.joined_parts) move_sinks(parts, move);
  move_both(step.mean, move);
  move_both(step.resize, move);
  move_both(step.max_pool, move);
  move_both(step.depth_to_space, move);
  for (Border& border : step.borders) move.apply(border.memory);
}

}  // namespace groupnet
