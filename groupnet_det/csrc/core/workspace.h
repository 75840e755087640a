// The memory of one run for one size of image, and the arguments of its kernels.
#pragma once

#include <memory>
#include <vector>

#include "core/arena.h"
#include "core/prepared.h"
#include "core/shapes.h"

namespace groupnet {

struct BufferMemory {
  MapView<uint32_t> words;  // of a buffer of bits
  MapView<float> floats;    // of the others
  int64_t height = 0, width = 0;
};

// Kernel arguments of a step with its maps; `owned` parts are what the pointers point to.
struct PlannedStep {
  StemArgs stem;
  MapView<int16_t> pixels;
  ConvArgs conv;
  JoinArgs join;
  MeanArgs mean;
  int height = 0, width = 0;

  std::vector<BranchArgs> branches;
  std::vector<PreparedBranch> branch_parts;
  PreparedSinks sinks;
  std::vector<PreparedSinks> joined_parts;
  std::vector<SinksArgs> joined;
};

class Workspace {
 public:
  // Throws Error where the program cannot run on images of this size.
  Workspace(const Program& program, const std::vector<PreparedStep>& prepared,
            const KernelTable& kernels, const ImageSize& size);

  const ImageSize& size() const { return size_; }
  const std::vector<PlannedStep>& steps() const { return steps_; }
  const std::vector<BufferMemory>& buffers() const { return buffers_; }
  size_t num_bytes() const { return arena_.num_bytes(); }

  // Numbers for the private use of a thread.
  float* scratch(int thread);
  int64_t scratch_size() const { return scratch_size_; }
  void reserve_scratch(int threads);

 private:
  void allocate(const Program& program, const Shapes& shapes, bool paired);
  void plan_stem(const Program& program, const StepSpec& spec, PlannedStep& step);
  void plan_conv(const StepSpec& spec, PlannedStep& step);
  void plan_mean(const StepSpec& spec, PlannedStep& step);
  void plan_term(const TermSpec& spec, TermArgs& args);
  SinksArgs plan_sinks(const SinksSpec& spec, PreparedSinks& parts);

  Arena arena_;
  ImageSize size_;
  std::vector<BufferMemory> buffers_;
  std::vector<PlannedStep> steps_;
  std::vector<float*> scratch_;
  int64_t scratch_size_ = 0;
};

}  // namespace groupnet
