#include "device_benchmark/timing.h"

#include <algorithm>

#include "core/run/barrier_cost.h"

namespace groupnet_benchmark {

namespace {

constexpr int64_t kBarriers = 5000;  // in a row

// The first run wakes threads and fills caches, and does not count.
double burst(const ModelRuns& model, int threads, double seconds) {
  double least = model.seconds(threads), spent = 0;
  for (int runs = 0; runs == 0 || spent < seconds; ++runs) {
    const double time = model.seconds(threads);
    least = runs == 0 ? time : std::min(least, time);
    spent += time;
  }
  return least;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

std::vector<BarrierTime> time_barriers(const std::vector<int>& threads, int rounds) {
  std::vector<BarrierTime> times;
  for (int count : threads) {
    double least = groupnet::barrier_seconds(count, kBarriers);
    for (int round = 1; round < rounds; ++round) {
      least = std::min(least, groupnet::barrier_seconds(count, kBarriers));
    }
    times.push_back({count, 1e6 * least});
  }
  return times;
}

std::vector<Times> time_in_turns(const std::vector<ModelRuns>& models,
                                 const std::vector<int>& threads, const TimingOptions& options) {
  std::vector<Times> times;
  for (size_t model = 0; model < models.size(); ++model) {
    for (int count : threads) times.push_back({model, count});
  }
  std::vector<std::vector<double>> seconds(times.size());
  for (int round = 0; round < options.rounds; ++round) {
    for (size_t i = 0; i < times.size(); ++i) {
      const ModelRuns& model = models[times[i].model];
      seconds[i].push_back(burst(model, times[i].threads, options.burst_seconds));
    }
  }
  for (size_t i = 0; i < times.size(); ++i) {
    times[i].least = 1000 * *std::min_element(seconds[i].begin(), seconds[i].end());
    times[i].median = 1000 * median(seconds[i]);
  }
  return times;
}

}  // namespace groupnet_benchmark
