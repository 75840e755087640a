// How much memory a file may ask for: its sizes are those that it names.
#pragma once

#include <cstddef>

#include "core/error.h"

namespace groupnet {

constexpr size_t kMaxMemory = size_t{8} << 30;

// Throws Error where `count` pieces of `bytes` are more than that; their product may overflow.
inline void check_memory(size_t bytes, size_t count = 1) {
  require(count == 0 || bytes <= kMaxMemory / count,
          "a file and an image of this size need more than 8 GiB of memory");
}

}  // namespace groupnet
