// A program's constants in the layout of one instruction set: made once, shared by all runs.
#pragma once

#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "core/arena.h"
#include "core/format/program.h"
#include "kernels/kernel_table.h"

namespace groupnet {

// Arguments of kernels without their maps, which depend on the size of the image.
struct PackedSinks {
  std::vector<BitsSinkArgs> bits;
  std::vector<LevelsSinkArgs> levels;
  std::vector<BytesSinkArgs> bytes;
};

struct PackedBranch {
  std::vector<TermArgs> terms;
  MapArgs final;
  PackedSinks sinks;
};

struct PackedStep {
  StemArgs stem;
  const int32_t* last_channel_sums = nullptr;  // of the stem, by sum_last_channel
  InputArgs input;
  std::vector<PackedBranch> branches;
  JoinArgs join;
  PackedSinks sinks;  // of the stem, the input, or the merged value
  std::vector<PackedSinks> joined;
};

// Tensors in the order of the kernels, each once, however many steps name it.
class Constants {
 public:
  Arena& arena() { return arena_; }

  // What `make` returned when it was first called for this data, layout and shape. (Tensors of a
  // file may overlap.)
  template <class T, class Make>
  const T* once(const void* data, int layout, std::vector<int64_t> shape, const Make& make) {
    const void*& known = known_[{data, layout, std::move(shape)}];
    if (known == nullptr) known = make();
    return static_cast<const T*>(known);
  }
  // When the data is about to go.
  void forget_data() { known_.clear(); }

 private:
  Arena arena_;
  std::map<std::tuple<const void*, int, std::vector<int64_t>>, const void*> known_;
};

// Fills `constants`, which must outlive the result.
std::vector<PackedStep> pack_weights(const Program& program, const KernelTable& kernels,
                                     Constants& constants);

}  // namespace groupnet
