// One thread's part of a run.
#pragma once

#include "core/plan/workspace.h"
#include "core/thread_pool.h"

namespace groupnet {

// What a network is given: bytes of images, or the floats of a part's map; without gaps.
struct Given {
  const uint8_t* images = nullptr;
  const float* maps = nullptr;
};

class StepExecutor {
 public:
  StepExecutor(const Program& program, const KernelTable& kernels, Workspace& workspace,
               const Given& given, int thread, int threads, Barrier& barrier)
      : program_(program),
        kernels_(kernels),
        workspace_(workspace),
        given_(given),
        thread_(thread),
        threads_(threads),
        barrier_(barrier) {}

  // Steps [first, end); where `seconds` is given, each alone, and it receives their times.
  void run(size_t first, size_t end, double* seconds);

 private:
  void run_step(const StepSpec& spec, const PlannedStep& step);
  void run_stem(const PlannedStep& step);
  void run_input(InputArgs args);
  void run_conv(const PlannedStep& step);
  void expand_rows(const PixelMap& pixels);
  void fill_border(const Border& border);
  template <class Run>
  void in_rows(int64_t images, int64_t height, const Run& run);

  const Program& program_;
  const KernelTable& kernels_;
  Workspace& workspace_;
  const Given given_;
  const int thread_, threads_;
  int share_ = 0;  // which share of a step is this thread's
  Barrier& barrier_;
};

}  // namespace groupnet
