// One thread's part of a run.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/plan/workspace.h"

namespace groupnet {

// How many tasks of each chain in strips each thread has done.
class StripProgress {
 public:
  StripProgress(size_t chains, int threads);

  // The thread that calls has done one more.
  void add(size_t chain, int thread);
  void wait_for(size_t chain, const TasksOfThread& tasks);

 private:
  struct alignas(64) Count {  // a cache line for each
    std::atomic<int64_t> tasks{0};
  };
  Count& count(size_t chain, int thread) {
    return counts_[chain * threads_ + static_cast<size_t>(thread)];
  }

  const size_t threads_;
  const std::unique_ptr<Count[]> counts_;
  Wait others_;
};

// What the threads of a run share.
struct Team {
  Team(Workspace& workspace, int threads);

  Barrier barrier;
  StripProgress progress;
  std::vector<const StripPlan*> plans;  // of each chain
};

class StepExecutor {
 public:
  StepExecutor(const Workspace& workspace, const Given& given, int thread, int threads, Team& team)
      : workspace_(workspace),
        thread_(thread),
        team_(team),
        worker_(workspace.size(), given, workspace.scratch(thread), thread, threads, team.barrier) {
  }

  // Steps [first, end); where `seconds` is given, each alone, and it receives their times.
  void run(size_t first, size_t end, double* seconds);

 private:
  // Returns the step after it.
  size_t run_strips(size_t chain);
  void fill_borders(const WorkspaceStep& step) const;
  void fill_border(const Border& border) const;

  const Workspace& workspace_;
  const int thread_;
  Team& team_;
  Worker worker_;
};

}  // namespace groupnet
