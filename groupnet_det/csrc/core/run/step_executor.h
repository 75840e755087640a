// One thread's part of a run.
#pragma once

#include "core/plan/workspace.h"

namespace groupnet {

class StepExecutor {
 public:
  StepExecutor(Workspace& workspace, const Given& given, int thread, int threads, Barrier& barrier)
      : workspace_(workspace),
        worker_(workspace.size(), given, workspace.scratch(thread), thread, threads, barrier) {}

  // Steps [first, end); where `seconds` is given, each alone, and it receives their times.
  void run(size_t first, size_t end, double* seconds);

 private:
  void fill_border(const Border& border) const;

  const Workspace& workspace_;
  Worker worker_;
};

}  // namespace groupnet
