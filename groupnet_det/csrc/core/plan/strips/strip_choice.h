// Which steps run in strips of rows, so that what they hand on stays in a cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/format/program.h"
#include "core/plan/shapes.h"

namespace groupnet {

// When to run steps in strips.
struct StripRule {
  // A second-level cache and a share of the next one. Steps whose maps of floats are larger
  // together run in strips with rows of about that size.
  int64_t cache_bytes = int64_t{2} << 20;
  int64_t rows = 0;  // of a strip; 0 for as many as the cache holds
  // One row in so many may be needed ahead: a thread waits for those of the part below its own,
  // which are most of a small map where convolutions are dilated.
  int64_t share_ahead = 8;

  static StripRule never() {
    StripRule rule;
    rule.cache_bytes = INT64_MAX;
    return rule;
  }
};

// Steps [first, end) of a program, which write maps of one size, in strips of so many rows.
struct StripChain {
  size_t first = 0, end = 0;
  int64_t rows = 0;
};

// In the order of the program. Only for single images: those of several are small, as callers
// compute large ones one by one.
std::vector<StripChain> choose_strips(const Program& program, const Shapes& shapes,
                                      const ImageSize& size, const StripRule& rule);

}  // namespace groupnet
