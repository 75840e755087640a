// Memory on cache lines, zeroed, that lives as long as its owner.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "core/memory/memory_limit.h"

namespace groupnet {

class Arena {
 public:
  template <class T>
  T* make(size_t count) {
    check_memory(count, sizeof(T));
    size_t bytes = (count * sizeof(T) + kLine - 1) / kLine * kLine;
    if (bytes == 0) bytes = kLine;
    check_memory(num_bytes_ + bytes);
    void* memory = std::aligned_alloc(kLine, bytes);
    require(memory != nullptr, "there is not enough memory");
    blocks_.emplace_back(memory, std::free);
    std::memset(memory, 0, bytes);
    num_bytes_ += bytes;
    return static_cast<T*>(memory);
  }

  size_t num_bytes() const { return num_bytes_; }

 private:
  static constexpr size_t kLine = 64;
  std::vector<std::unique_ptr<void, void (*)(void*)>> blocks_;
  size_t num_bytes_ = 0;
};

}  // namespace groupnet
