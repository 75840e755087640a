// One piece of memory for all maps of a run: those whose times do not overlap share it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/format/program.h"
#include "core/plan/shapes.h"
#include "core/plan/strips/strip_choice.h"

namespace groupnet {

// Sections [first, last] in which the values of a buffer are needed; `last` < `first` for none.
struct Lifetime {
  int64_t first = INT64_MAX, last = -1;

  bool overlaps(const Lifetime& other) const { return first <= other.last && other.first <= last; }
  void include(int64_t section) {
    first = section < first ? section : first;
    last = section > last ? section : last;
  }
};

// When steps run. Between the steps of a section, threads need not wait for each other: none of
// them touches what another one writes; or they are a chain, which runs in strips.
struct Schedule {
  // `chains` in the order of the program.
  explicit Schedule(const Program& program, const std::vector<StripChain>& chains = {});

  std::vector<int64_t> sections;  // the section of each step
  std::vector<Lifetime> lives;    // of each buffer; an output lives to the end
};

// Whether each buffer is a map of floats that lives within one chain, whose steps read of it only
// the row that they write. Rows that all steps are done with make room for new ones: the tasks of
// the chain say where (StripTask::shift).
std::vector<bool> find_ring_maps(const Program& program, const Shapes& shapes,
                                 const Schedule& schedule, const std::vector<StripChain>& chains);

// A piece of memory to be placed.
struct Piece {
  size_t bytes = 0;
  Lifetime life;
  size_t offset = 0;
};

// Sets the offsets, on cache lines, so that pieces that live at the same time do not overlap;
// returns the size of the whole.
size_t place(std::vector<Piece>& pieces);

// Memory on cache lines, whose content is whatever was there.
class Slab {
 public:
  // At least `bytes`, and not many times more. Throws Error where there is no such memory.
  void fit(size_t bytes);
  uint8_t* data() const { return memory_.get(); }
  size_t capacity() const { return capacity_; }

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  std::unique_ptr<uint8_t, Free> memory_;
  size_t capacity_ = 0;
};

}  // namespace groupnet
