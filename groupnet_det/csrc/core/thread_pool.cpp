#include "core/thread_pool.h"

#include <unistd.h>

#include <chrono>
#include <string>
#include <system_error>

#include "core/error.h"

namespace groupnet {

namespace {

// Long enough for the next step or the next image of a stream, short enough not to be noticed.
constexpr int kSpins = 2000;
constexpr auto kAwake = std::chrono::microseconds(200);

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Wait::until(const Condition& is_over) {
  for (int spins = 0; spins < kSpins; ++spins) {
    if (is_over()) return;
    pause();
  }
  std::unique_lock<std::mutex> lock(mutex_);
  sleeping_.fetch_add(1);
  woken_.wait(lock, is_over);
  sleeping_.fetch_sub(1);
}

void Wait::wake() {
  if (sleeping_.load() == 0) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
  }  // who counts as asleep may be about to look
  woken_.notify_all();
}

void Barrier::wait() {
  if (threads_ == 1) return;
  const uint32_t round = round_.load();
  if (arrived_.fetch_add(1) + 1 == threads_) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1);
    others_.wake();
    return;
  }
  others_.until([&] { return round_.load() != round; });
}

struct ThreadPool::Workers {
  explicit Workers(int count) : process(getpid()) {
    try {
      for (int i = 0; i < count; ++i) threads.emplace_back([this, i] { work(i + 1); });
    } catch (...) {  // the system has no more threads; those that run must end before they vanish
      stop();
      throw;
    }
  }

  void stop() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stopping = true;
      job_number.fetch_add(1, std::memory_order_release);
    }
    wake.notify_all();
    for (auto& thread : threads) thread.join();
  }

  void start(int thread_count, const Job& new_job) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      job = &new_job;
      active = thread_count;
      running.store(thread_count - 1, std::memory_order_relaxed);
      job_number.fetch_add(1, std::memory_order_release);
    }
    if (sleeping.load(std::memory_order_acquire) > 0) wake.notify_all();
  }

  void finish() {
    finished.until([&] { return running.load() == 0; });
  }

  // A copy, made under the lock: a thread that has no part in a job is not waited for, and may look
  // only when the next one is being written.
  struct Assignment {
    uint64_t number;
    const Job* job;
    int active;
    bool stopping;
  };

  void work(int index) {
    uint64_t seen = 0;
    while (true) {
      const Assignment next = wait_for_job(seen);
      if (next.stopping) return;
      seen = next.number;
      if (index < next.active) {
        (*next.job)(index, next.active);
        if (running.fetch_sub(1) == 1) finished.wake();
      }
    }
  }

  Assignment wait_for_job(uint64_t seen) {
    auto until = std::chrono::steady_clock::now() + kAwake;
    while (std::chrono::steady_clock::now() < until) {
      for (int i = 0; i < 64; ++i) {
        if (job_number.load(std::memory_order_acquire) != seen) {
          std::lock_guard<std::mutex> lock(mutex);
          return assignment();
        }
        pause();
      }
    }
    std::unique_lock<std::mutex> lock(mutex);
    sleeping.fetch_add(1, std::memory_order_acq_rel);
    wake.wait(lock, [&] { return job_number.load(std::memory_order_acquire) != seen; });
    sleeping.fetch_sub(1, std::memory_order_acq_rel);
    return assignment();
  }

  Assignment assignment() const {
    return {job_number.load(std::memory_order_acquire), job, active, stopping};
  }

  const pid_t process;
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::condition_variable wake;
  Wait finished;
  std::atomic<uint64_t> job_number{0};
  std::atomic<int> running{0}, sleeping{0};
  const Job* job = nullptr;
  int active = 0;
  bool stopping = false;
};

std::unique_ptr<ThreadPool::Workers> ThreadPool::make_workers(int count) {
  try {
    return std::make_unique<Workers>(count);
  } catch (const std::system_error& error) {
    throw Error(std::to_string(count) + " more threads cannot be started: " + error.what());
  }
}

ThreadPool::ThreadPool(Team team) : team_(team) {}

ThreadPool::~ThreadPool() {
  if (workers_ == nullptr) return;
  if (workers_->process != getpid()) {
    (void)workers_.release();  // the threads stayed in the parent of a fork
    return;
  }
  workers_->stop();
}

void ThreadPool::run(int threads, const Job& job) {
  std::unique_lock<std::mutex> lock(in_use_, std::try_to_lock);
  if (threads <= 1 || !lock.owns_lock()) {
    job(0, 1);
    return;
  }
  if (team_ != nullptr && team_(threads, job)) return;
  run_in_workers(threads, job);
}

void ThreadPool::run_in_workers(int threads, const Job& job) {
  if (workers_ != nullptr && workers_->process != getpid()) (void)workers_.release();
  if (workers_ == nullptr || static_cast<int>(workers_->threads.size()) < threads - 1) {
    if (workers_ != nullptr) workers_->stop();
    workers_.reset();
    workers_ = make_workers(threads - 1);
  }
  workers_->start(threads, job);
  job(0, threads);
  workers_->finish();
}

}  // namespace groupnet
