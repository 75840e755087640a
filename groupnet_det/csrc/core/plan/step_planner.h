// What steps make the arguments of their kernels of: the maps of one workspace, and its memory.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "core/memory/arena.h"
#include "core/plan/planned_step.h"
#include "core/plan/shapes.h"
#include "core/weights/weight_packer.h"

namespace groupnet {

struct BufferMemory {
  MapView<uint32_t> words;  // of a buffer of bits
  MapView<float> floats;
  MapView<uint8_t> bytes;
  int64_t height = 0, width = 0;
};

template <class T>
MapView<const T> read_only(const MapView<T>& map) {
  return {map.origin, map.image_stride, map.row_stride, map.pixel_stride};
}

class StepPlanner {
 public:
  // All must outlive it; `arena` holds what the arguments point to.
  StepPlanner(const Program& program, const Shapes& shapes, const ImageSize& size,
              const KernelTable& kernels, const std::vector<BufferMemory>& buffers, Arena& arena)
      : program_(program),
        shapes_(shapes),
        size_(size),
        kernels_(kernels),
        buffers_(buffers),
        arena_(arena) {}

  // The step of that number, whose own memory is there.
  std::unique_ptr<PlannedStep> plan(size_t step, uint8_t* own_memory);
  // Of each thread, for all steps.
  int64_t scratch_size() const { return scratch_size_; }

  // For steps.
  const KernelTable& kernels() const { return kernels_; }
  Arena& arena() { return arena_; }
  int input_channels() const { return program_.input_channels; }
  const ImageSize& size() const { return size_; }
  const MapSize& canvas() const { return shapes_.canvas; }
  const BufferMemory& buffer(int index) const { return buffers_[index]; }
  // Of what the step writes.
  int height() const { return static_cast<int>(shapes_.steps[step_].height); }
  int width() const { return static_cast<int>(shapes_.steps[step_].width); }
  // As many as its `own_bytes`.
  uint8_t* own_memory() const { return own_memory_; }
  // Each thread has so many numbers for its private use.
  void need_scratch(int64_t size) { scratch_size_ = std::max(scratch_size_, size); }

  // Where a step gives one pixel for each image, the images are taken for the pixels of one row, so
  // that weights are read once for several of them. From the call on, maps are seen so.
  void take_images_for_a_row() { in_a_row_ = true; }
  template <class T>
  MapView<T> seen(const MapView<T>& map) const {
    if (!in_a_row_) return map;
    return {map.origin, 0, 0, map.image_stride};
  }
  // Sets the maps of `parts`, which the result points to.
  SinksArgs plan_sinks(const SinksSpec& spec, PackedSinks& parts) const;

 private:
  const Program& program_;
  const Shapes& shapes_;
  const ImageSize& size_;
  const KernelTable& kernels_;
  const std::vector<BufferMemory>& buffers_;
  Arena& arena_;
  size_t step_ = 0;
  uint8_t* own_memory_ = nullptr;
  bool in_a_row_ = false;
  int64_t scratch_size_ = 0;
};

}  // namespace groupnet
