#include "torch_ops/openmp_team.h"

#include <unistd.h>

#include <algorithm>

// The interface that GCC's code has to any OpenMP runtime; LLVM's and Intel's have it too. Weak,
// and not linked: it is that of torch, or null where torch has threads of another kind.
extern "C" {
__attribute__((weak)) void GOMP_parallel(void (*run)(void*), void* given, unsigned threads,
                                         unsigned flags);
__attribute__((weak)) int omp_get_thread_num();
__attribute__((weak)) int omp_get_num_threads();
}

namespace groupnet {

namespace {

const pid_t process = getpid();  // the threads stay in the parent of a fork

struct Given {
  const ThreadPool::Job& job;
  const int threads;
};

void run_share(void* pointer) {
  const auto& given = *static_cast<const Given*>(pointer);
  const int active = std::min(given.threads, omp_get_num_threads());
  const int thread = omp_get_thread_num();
  if (thread < active) given.job(thread, active);
}

}  // namespace

bool run_in_openmp_team(int threads, const ThreadPool::Job& job) {
  if (GOMP_parallel == nullptr || omp_get_thread_num == nullptr || omp_get_num_threads == nullptr ||
      getpid() != process) {
    return false;
  }
  Given given{job, threads};
  GOMP_parallel(run_share, &given, 0, 0);  // 0: as many as in torch's own operations
  return true;
}

}  // namespace groupnet
