// A few threads that wait for work, awake for a moment after each job; or those of another runtime.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace groupnet {

// A wait for what another thread will do: awake at first, since most waits are short, then asleep.
// Asleep matters where the system has put two threads on one processor though another one is free:
// as long as both are awake they may stay there, while a thread that wakes up is given a free one.
class Wait {
 public:
  using Condition = std::function<bool()>;

  // Until `is_over`, which reads sequentially consistent atomics.
  void until(const Condition& is_over);

  // To be called after these were written.
  void wake();

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  std::atomic<int> sleeping_{0};
};

// Where all threads of a job wait for each other.
class Barrier {
 public:
  explicit Barrier(int threads) : threads_(threads) {}
  void wait();

 private:
  const int threads_;
  std::atomic<int> arrived_{0};
  std::atomic<uint32_t> round_{0};
  Wait others_;
};

class ThreadPool {
 public:
  using Job = std::function<void(int thread, int threads)>;
  // Runs a job at once in at most so many threads of another runtime, which has them in use
  // already: threads of our own would fight with them for the processors. False where it cannot,
  // and has not.
  using Team = bool (*)(int threads, const Job& job);

  explicit ThreadPool(Team team = nullptr);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Run `job` in `threads` threads at once, this one among them. Where the pool is at work for
  // another caller, this thread does all of it alone. `job` must not throw. Throws Error where the
  // system has no more threads.
  void run(int threads, const Job& job);

 private:
  struct Workers;
  static std::unique_ptr<Workers> make_workers(int count);

  void run_in_workers(int threads, const Job& job);

  const Team team_;
  std::mutex in_use_;
  std::unique_ptr<Workers> workers_;
};

}  // namespace groupnet
