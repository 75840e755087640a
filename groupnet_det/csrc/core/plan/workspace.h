// The memory of one run for one size of image, and its steps with their maps.
#pragma once

#include <memory>
#include <vector>

#include "core/memory/arena.h"
#include "core/plan/memory_plan.h"
#include "core/plan/output_memory.h"
#include "core/plan/shapes.h"
#include "core/plan/step_planner.h"
#include "core/plan/strips/strip_plan.h"

namespace groupnet {

// What lies around a buffer: `size` pixels at each side.
struct Border {
  uint8_t* memory = nullptr;       // the first pixel of the first border
  const uint8_t* pixel = nullptr;  // what each is
  bool uniform = false;            // all its bytes are the same
  int64_t pixel_bytes = 0;
  int64_t height = 0, width = 0;  // of the inside
  int64_t size = 0;
};

// A step as it runs in a workspace.
struct WorkspaceStep {
  std::unique_ptr<PlannedStep> planned;
  bool starts_section = false;  // see Schedule
  int strips = -1;              // the number of the chain that it belongs to
  std::vector<Border> borders;  // of the buffers that it writes first
};

class Workspace {
 public:
  // Throws Error where the program cannot run on images of this size. `memory` is used again.
  Workspace(const Program& program, const KernelTable& kernels, const ImageSize& size,
            Slab memory = {}, const StripRule& rule = {});

  const ImageSize& size() const { return size_; }
  const std::vector<WorkspaceStep>& steps() const { return steps_; }
  // Chains of steps that run in strips, in the order of the program.
  std::vector<Strips>& strips() { return strips_; }
  const std::vector<Strips>& strips() const { return strips_; }
  const std::vector<BufferMemory>& buffers() const { return buffers_; }
  size_t num_bytes() const;
  // How often the threads of a run wait for all others.
  int64_t num_barriers() const;
  // Before each run, so that it writes to results of a former one that somebody still holds.
  void claim_outputs();
  // What holds the values of a large output; null for a buffer whose memory others share.
  std::shared_ptr<const void> holder_of(int buffer) const;
  // Of its maps, for another workspace; this one is of no use any more.
  Slab take_memory() { return std::move(slab_); }

  // Scratch memory for so many threads, and the plans of their strips.
  void reserve(int threads);
  // After `reserve` for as many threads.
  Scratch scratch(int thread) const;

 private:
  void plan_strips(const Program& program, const Shapes& shapes,
                   const std::vector<StripChain>& chains);
  // Returns the memory of each step of its own.
  std::vector<uint8_t*> allocate(const Program& program, const Schedule& schedule,
                                 const Shapes& shapes);
  void place_buffer(int buffer, const BufferSpec& spec, const BufferShape& shape, uint8_t* start);
  void plan_borders(const Program& program, const Shapes& shapes, bool paired);
  Border plan_border(const BufferSpec& spec, const BufferShape& shape, const BufferMemory& memory,
                     bool paired);

  Arena arena_;
  Slab slab_;
  std::vector<OutputMemory> outputs_;  // the large ones
  ImageSize size_;
  std::vector<BufferMemory> buffers_;
  std::vector<WorkspaceStep> steps_;
  std::vector<Strips> strips_;
  std::vector<bool> in_ring_;  // of each buffer, see find_ring_maps
  std::vector<Slab> scratch_;  // of each thread
  int64_t scratch_size_ = 0;
};

}  // namespace groupnet
