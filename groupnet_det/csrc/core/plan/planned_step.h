// A step with the maps of one workspace, and what runs it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/format/step.h"
#include "core/plan/output_memory.h"
#include "core/plan/shapes.h"
#include "core/thread_pool.h"
#include "core/weights/weight_packer.h"

namespace groupnet {

// What a network is given: bytes of images, or the floats of a part's map; without gaps.
struct Given {
  const uint8_t* images = nullptr;
  const float* maps = nullptr;
};

// Numbers for the private use of a thread.
struct Scratch {
  float* memory = nullptr;
  int64_t size = 0;
};

// One thread's part of a run.
class Worker {
 public:
  Worker(const ImageSize& size, const Given& given, const Scratch& scratch, int thread, int threads,
         Barrier& barrier)
      : size_(size),
        given_(given),
        scratch_(scratch),
        thread_(thread),
        threads_(threads),
        barrier_(barrier),
        share_(thread) {}

  const ImageSize& size() const { return size_; }
  const Given& given() const { return given_; }
  const Scratch& scratch() const { return scratch_; }
  bool is_first() const { return thread_ == 0; }

  // For all other threads.
  void wait() { barrier_.wait(); }

  // Which share of the next step is this thread's: within a section, the one that had the smaller
  // share of a step gets another one.
  void start_section() { share_ = thread_; }
  void change_share() { share_ = (share_ + 1) % threads_; }

  // This thread's share of `height` rows of each map: calls `run(map, first row, end row)`.
  template <class Run>
  void in_rows(int64_t maps, int64_t height, const Run& run) const {
    const int64_t count = maps * height, end = count * (share_ + 1) / threads_;
    for (int64_t item = count * share_ / threads_; item < end;) {
      const int64_t map = item / height, row = item % height;
      const int64_t rows = std::min(height - row, end - item);
      run(map, row, row + rows);
      item += rows;
    }
  }

 private:
  const ImageSize size_;
  const Given given_;
  const Scratch scratch_;
  const int thread_, threads_;
  Barrier& barrier_;
  int share_;
};

class PlannedStep {
 public:
  virtual ~PlannedStep() = default;
  virtual void run(Worker& worker) const = 0;

  // Where the step has windows of rows (see Step), the same in parts, for a single image. All
  // threads prepare, then wait for each other, then compute rows [first, end), each where what it
  // reads is there. In maps that are rings (see find_ring_maps), these rows lie `shift` rows
  // higher.
  virtual void prepare(const Worker& /*worker*/) const {}
  virtual void run_rows(const Worker& /*worker*/, int64_t /*first*/, int64_t /*end*/,
                        int64_t /*shift*/) const {}
  virtual RowWork row_work() const { return {}; }

  // How often threads wait for each other within `run`.
  virtual int barriers_within() const { return 0; }

  // Moves all maps of floats that are among its arguments.
  virtual void move_maps(const Move& move) = 0;
};

inline void move_sinks(SinksArgs& args, PackedSinks& sinks, const Move& move) {
  move.apply(args.floats.origin);
  for (auto& sink : sinks.levels) move.apply(sink.map.origin);
}

}  // namespace groupnet
