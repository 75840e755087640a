// Times of all models with several numbers of threads, which take turns.
#pragma once

#include <vector>

#include "device_benchmark/model_runs.h"

namespace groupnet_benchmark {

struct TimingOptions {
  int rounds = 7;
  double burst_seconds = 0.1;  // runs of one model in a row, of which the least counts
};

// Milliseconds of a model: over the rounds.
struct Times {
  size_t model = 0;
  int threads = 0;
  double least = 0, median = 0;
};

// Of a barrier between so many threads, the least of all rounds.
struct BarrierTime {
  int threads = 0;
  double microseconds = 0;
};

std::vector<BarrierTime> time_barriers(const std::vector<int>& threads, int rounds);

std::vector<Times> time_in_turns(const std::vector<ModelRuns>& models,
                                 const std::vector<int>& threads, const TimingOptions& options);

}  // namespace groupnet_benchmark
