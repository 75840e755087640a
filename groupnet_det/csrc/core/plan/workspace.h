// The memory of one run for one size of image, and the arguments of its kernels.
#pragma once

#include <memory>
#include <vector>

#include "core/arena.h"
#include "core/plan/memory_plan.h"
#include "core/plan/output_memory.h"
#include "core/plan/shapes.h"
#include "core/weights/packed_weights.h"

namespace groupnet {

struct BufferMemory {
  MapView<uint32_t> words;  // of a buffer of bits
  MapView<float> floats;
  MapView<uint8_t> bytes;
  int64_t height = 0, width = 0;
};

// What lies around a buffer: `size` pixels at each side.
struct Border {
  uint8_t* memory = nullptr;       // the first pixel of the first border
  const uint8_t* pixel = nullptr;  // what each is
  bool uniform = false;            // all its bytes are the same
  int64_t pixel_bytes = 0;
  int64_t height = 0, width = 0;  // of the inside
  int64_t size = 0;
};

// The image of a stem in 16-bit numbers, on its canvas, with a border.
struct PixelMap {
  MapView<int16_t> map;  // its origin is the first pixel of the border
  int64_t rows = 0, border = 0;
};

// Kernel arguments of a step with its maps; `owned` parts are what the pointers point to.
struct PlannedStep {
  StemArgs stem;
  PixelMap pixels;
  InputArgs input;  // without the values
  ConvArgs conv;
  JoinArgs join;
  MeanArgs mean;
  ResizeArgs resize;
  MaxPoolArgs max_pool;
  DepthToSpaceArgs depth_to_space;
  int height = 0, width = 0;
  int64_t images = 0;           // of a convolution
  bool starts_section = false;  // see Schedule
  std::vector<Border> borders;  // of the buffers that it writes first

  std::vector<BranchArgs> branches;
  std::vector<PackedBranch> branch_parts;
  PackedSinks sinks;
  std::vector<PackedSinks> joined_parts;
  std::vector<SinksArgs> joined;
};

class Workspace {
 public:
  // Throws Error where the program cannot run on images of this size. `memory` is used again.
  Workspace(const Program& program, const std::vector<PackedStep>& packed, const Schedule& schedule,
            const KernelTable& kernels, const ImageSize& size, Slab memory = {});

  const ImageSize& size() const { return size_; }
  const std::vector<PlannedStep>& steps() const { return steps_; }
  const std::vector<BufferMemory>& buffers() const { return buffers_; }
  size_t num_bytes() const;
  // Before each run, so that it writes to results of a former one that somebody still holds.
  void claim_outputs();
  // What holds the values of a large output; null for a buffer whose memory others share.
  std::shared_ptr<const void> holder_of(int buffer) const;
  // Of its maps, for another workspace; this one is of no use any more.
  Slab take_memory() { return std::move(slab_); }

  // Numbers for the private use of a thread.
  float* scratch(int thread);
  int64_t scratch_size() const { return scratch_size_; }
  void reserve_scratch(int threads);

 private:
  void allocate(const Program& program, const Schedule& schedule, const Shapes& shapes);
  void place_buffer(int buffer, const BufferSpec& spec, const BufferShape& shape, uint8_t* start);
  void allocate_pixels(const Program& program, const Shapes& shapes);
  void plan_borders(const Program& program, const Shapes& shapes, bool paired);
  Border plan_border(const BufferSpec& spec, const BufferShape& shape, const BufferMemory& memory,
                     bool paired);

  Arena arena_;
  Slab slab_;
  std::vector<OutputMemory> outputs_;  // the large ones
  ImageSize size_;
  std::vector<BufferMemory> buffers_;
  std::vector<PlannedStep> steps_;
  std::vector<Slab> scratch_;  // of each thread
  int64_t scratch_size_ = 0;
};

}  // namespace groupnet
