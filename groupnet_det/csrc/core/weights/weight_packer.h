// A program's constants in the layout of one instruction set: made once, shared by all runs.
#pragma once

#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "core/format/program.h"
#include "core/memory/arena.h"
#include "kernels/kernel_table.h"

namespace groupnet {

// Arguments of kernels without their maps, which depend on the size of the image.
struct PackedSinks {
  std::vector<BitsSinkArgs> bits;
  std::vector<LevelsSinkArgs> levels;
  std::vector<BytesSinkArgs> bytes;
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

// How values of a tensor may be laid out.
enum class Layout { kChannels, kThresholds, kSigns, kFloats, kBytes, kByteStarts };

// What steps lay out their constants with.
class WeightPacker {
 public:
  // `constants` must outlive what is packed.
  WeightPacker(const Program& program, const KernelTable& kernels, Constants& constants)
      : program_(program), kernels_(kernels), constants_(constants) {}

  const BufferSpec& buffer(int index) const { return program_.buffers[index]; }
  const KernelTable& kernels() const { return kernels_; }
  Arena& arena() { return constants_.arena(); }

  MapArgs pack(const MapSpec& map, int channels);
  PackedSinks pack(const SinksSpec& sinks, int channels);
  // What `make` gives for a layout of weights, which depends on `detail`.
  template <class T, class Make>
  const T* weights(const Tensor& weight, Layout layout, int detail, const Make& make) {
    std::vector<int64_t> key = weight.shape;
    key.push_back(detail);
    return constants_.once<T>(weight.data, static_cast<int>(layout), std::move(key), make);
  }

 private:
  // `rows` of values for each channel, filled up with `fill`.
  const float* lay_out(const Channels& values, int channels, float fill = 0, int rows = 1);
  BitsSinkArgs pack(const BitsSinkSpec& sink, int channels);
  LevelsSinkArgs pack(const LevelsSinkSpec& sink, int channels);

  const Program& program_;
  const KernelTable& kernels_;
  Constants& constants_;
};

}  // namespace groupnet
