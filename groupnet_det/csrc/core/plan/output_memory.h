// Memory of large outputs, which is handed out instead of copied.
#pragma once

#include <memory>
#include <vector>

#include "core/plan/memory_plan.h"

namespace groupnet {

// Of one buffer. Whoever takes results holds `current`; the next run needs memory that nobody
// holds.
class OutputMemory {
 public:
  OutputMemory(int buffer, size_t bytes) : buffer_(buffer), bytes_(bytes) { claim(); }

  // Lets `current` be memory that nobody else holds; returns the one before, which its holders
  // keep.
  std::shared_ptr<Slab> claim();
  int buffer() const { return buffer_; }
  size_t bytes() const { return bytes_; }
  const std::shared_ptr<Slab>& current() const { return slabs_.back(); }

 private:
  int buffer_;
  size_t bytes_;
  std::vector<std::shared_ptr<Slab>> slabs_;  // the current one is the last
};

// A move of [from, from + bytes) to another place.
struct Move {
  const uint8_t* from;
  size_t bytes;
  uint8_t* to;

  template <class T>
  void apply(T*& pointer) const {
    const auto offset = reinterpret_cast<uintptr_t>(pointer) - reinterpret_cast<uintptr_t>(from);
    if (offset < bytes) pointer = reinterpret_cast<T*>(to + offset);
  }
};

}  // namespace groupnet
