#include "core/plan/output_memory.h"

#include <algorithm>
#include <atomic>

namespace groupnet {

namespace {

// One that a caller still looks at while the next run goes on, and one for that run.
constexpr size_t kMaxSlabs = 2;

}  // namespace

std::shared_ptr<Slab> OutputMemory::claim() {
  const std::shared_ptr<Slab> before = slabs_.empty() ? nullptr : slabs_.back();
  for (auto slab = slabs_.end(); slab != slabs_.begin();) {
    --slab;
    if (slab->use_count() > (*slab == before ? 2 : 1)) continue;
    std::atomic_thread_fence(std::memory_order_acquire);  // the holders' last reads come before
    std::rotate(slab, slab + 1, slabs_.end());
    return before;
  }
  if (slabs_.size() == kMaxSlabs) slabs_.erase(slabs_.begin());
  slabs_.push_back(std::make_shared<Slab>());
  slabs_.back()->fit(bytes_);
  return before;
}

}  // namespace groupnet
