// A packed network, ready to run: thread-safe, without any global state.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/detect/label_map.h"
#include "core/detect/nms.h"
#include "core/detect/roi_align.h"
#include "core/detect/score_threshold.h"
#include "core/format/packed_file.h"
#include "core/plan/workspace.h"
#include "core/run/isa.h"
#include "core/run/step_executor.h"
#include "core/thread_pool.h"

namespace groupnet {

// Of a whole program, or of one of its parts.
class Network {
 public:
  // Throws Error where the file is not what it should be, or has no network of so many bases; 0
  // stands for the most. Its parts share its threads.
  Network(const PackedFile& file, const KernelTable& kernels,
          std::shared_ptr<ThreadPool> pool = std::make_shared<ThreadPool>(), int bases = 0);

  const Program& program() const { return program_; }
  const KernelTable& kernels() const { return kernels_; }
  std::vector<std::string> parts() const;  // their names
  // Throws Error, naming those that there are, where it has no such part. Its weights are shared
  // with this network.
  std::shared_ptr<Network> part(const std::string& name) const;

  // A workspace for images of that size: one that a former run gave back, or a new one. At most 8
  // are kept, and of 64 MiB together, or one that is larger; images of ever new sizes use one
  // memory again and again.
  std::unique_ptr<Workspace> acquire(const ImageSize& size);
  void give_back(std::unique_ptr<Workspace> workspace);

  // Run steps [first, end). Where `seconds` is given, it receives the time of each of these steps.
  void run(Workspace& workspace, const Given& given, int threads, size_t first, size_t end,
           double* seconds = nullptr);
  // `images` are unsigned bytes (N, H, W, C), without gaps.
  void run(Workspace& workspace, const uint8_t* images, int threads) {
    run(workspace, Given{images, nullptr}, threads, 0, program_.steps.size());
  }

  // See roi_align.h; in the threads of this network.
  void roi_align(const RoiAlign& regions, int threads, float* out) {
    groupnet::roi_align(regions, kernels_, *pool_, threads, out);
  }

  // See label_map.h; in the threads of this network.
  void label_map(const LabelMap& map, int threads, int32_t* labels) {
    groupnet::label_map(map, *pool_, threads, labels);
  }

  // See score_threshold.h; in the threads of this network.
  Found above_threshold(const float* values, int64_t count, float bound, int threads) {
    return groupnet::above_threshold(values, count, bound, *pool_, threads);
  }

  // See nms.h; in the threads of this network.
  std::vector<int64_t> nms(const Candidates& candidates, double threshold, int threads) {
    return groupnet::nms(candidates, threshold, *pool_, threads);
  }

  // Copy a buffer: (N, H, W, C) floats, or bytes, or 0 and 1 for bits.
  void read_floats(const Workspace& workspace, int buffer, float* out) const;
  void read_bytes(const Workspace& workspace, int buffer, uint8_t* out) const;
  void read_bits(const Workspace& workspace, int buffer, uint8_t* out) const;

 private:
  Network(Program program, const KernelTable& kernels, std::shared_ptr<Constants> constants,
          std::shared_ptr<ThreadPool> pool);

  const KernelTable& kernels_;
  Program program_;
  std::shared_ptr<Constants> constants_;
  std::shared_ptr<ThreadPool> pool_;
  std::vector<std::shared_ptr<Network>> parts_;
  std::mutex free_mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;  // the last one was used last
};

}  // namespace groupnet
