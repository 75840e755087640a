#include "core/run/barrier_cost.h"

#include <chrono>

#include "core/thread_pool.h"

namespace groupnet {

double barrier_seconds(int threads, int64_t waits) {
  using Clock = std::chrono::steady_clock;
  ThreadPool pool;
  Barrier barrier(threads);
  std::chrono::duration<double> seconds{0};
  pool.run(threads, [&](int thread, int) {
    barrier.wait();  // for all to be awake
    const auto start = Clock::now();
    for (int64_t i = 0; i < waits; ++i) barrier.wait();
    if (thread == 0) seconds = Clock::now() - start;
  });
  return seconds.count() / static_cast<double>(waits);
}

}  // namespace groupnet
