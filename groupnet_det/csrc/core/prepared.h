// A program's constants in the layout of one instruction set: made once, shared by all runs.
#pragma once

#include <vector>

#include "core/arena.h"
#include "core/program.h"
#include "kernels/kernel_table.h"

namespace groupnet {

// Arguments of kernels without their maps, which depend on the size of the image.
struct PreparedSinks {
  std::vector<BitsSinkArgs> bits;
  std::vector<LevelsSinkArgs> levels;
};

struct PreparedBranch {
  std::vector<TermArgs> terms;
  MapArgs final;
  PreparedSinks sinks;
};

struct PreparedStep {
  StemArgs stem;
  const int32_t* last_channel_sums = nullptr;  // of the stem, by sum_last_channel
  std::vector<PreparedBranch> branches;
  JoinArgs join;
  PreparedSinks sinks;  // of the stem, or of the merged value
  std::vector<PreparedSinks> joined;
};

// Fills `arena`, which must outlive the result.
std::vector<PreparedStep> prepare(const Program& program, const KernelTable& kernels, Arena& arena);

}  // namespace groupnet
