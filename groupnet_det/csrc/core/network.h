// A packed network, ready to run: thread-safe, without any global state.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/isa.h"
#include "core/packed_file.h"
#include "core/prepared.h"
#include "core/thread_pool.h"
#include "core/workspace.h"

namespace groupnet {

class Network {
 public:
  // Throws Error where the file is not what it should be.
  Network(const PackedFile& file, const KernelTable& kernels);

  const Program& program() const { return program_; }
  const KernelTable& kernels() const { return kernels_; }

  // A workspace for images of that size: one that a former run gave back, or a new one.
  std::unique_ptr<Workspace> acquire(const ImageSize& size);
  void give_back(std::unique_ptr<Workspace> workspace);

  // Run steps [first, end). `images` are unsigned bytes (N, H, W, C), without gaps. Where `seconds`
  // is given, it receives the time of each of these steps.
  void run(Workspace& workspace, const uint8_t* images, int threads, size_t first, size_t end,
           double* seconds = nullptr);
  void run(Workspace& workspace, const uint8_t* images, int threads) {
    run(workspace, images, threads, 0, program_.steps.size());
  }

  // Copy a buffer: (N, H, W, C) floats, or bytes 0 and 1.
  void read_floats(const Workspace& workspace, int buffer, float* out) const;
  void read_bits(const Workspace& workspace, int buffer, uint8_t* out) const;

 private:
  const KernelTable& kernels_;
  Program program_;
  Arena constants_;
  std::vector<PreparedStep> prepared_;
  ThreadPool pool_;
  std::mutex free_mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;
};

}  // namespace groupnet
