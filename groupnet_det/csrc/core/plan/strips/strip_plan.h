// The rows of steps that threads compute in turn, where steps run in strips.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/plan/strips/row_order.h"
#include "core/plan/strips/strip_choice.h"

namespace groupnet {

// What another thread must have done before.
struct TasksOfThread {
  int thread = 0;
  int64_t count = 0;  // of its first tasks
};

// Rows [first_row, end_row) of a step, counted from the first of its chain.
struct StripTask {
  size_t step = 0;
  int64_t first_row = 0, end_row = 0;
  int64_t shift = 0;  // by so many rows up are these in maps that find_ring_maps finds
  std::vector<TasksOfThread> needs;
};

// Of each thread, in the order in which it does them.
using StripPlan = std::vector<std::vector<StripTask>>;

// Each thread goes down a part of the maps, one strip of all steps after the other: in each strip,
// the first steps get ahead of the last one by the rows that it needs of them. The parts are cut so
// that a thread needs nothing from above. What its last rows need of the part below has been done
// by then, since all threads start at the same time, each at the top of its part.
//
// `work` is that of each step; a strip has `strip_rows`.
StripPlan plan_strips(const RowOrder& order, const std::vector<RowWork>& work, int64_t strip_rows,
                      int threads);

// A chain of steps with its plans.
class Strips {
 public:
  Strips(const StripChain& chain, RowOrder order, std::vector<RowWork> work)
      : chain_(chain), order_(std::move(order)), work_(std::move(work)) {}

  const StripChain& chain() const { return chain_; }
  // Made at the first call for that number of threads.
  const StripPlan& plan(int threads);

 private:
  StripChain chain_;
  RowOrder order_;
  std::vector<RowWork> work_;
  std::map<int, StripPlan> plans_;  // by threads
};

}  // namespace groupnet
