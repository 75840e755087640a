#include "core/network.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/error.h"
#include "core/layout.h"

namespace groupnet {

namespace {

constexpr size_t kMaxFree = 8;  // workspaces that are kept

// The share [begin, end) of `count` items of one thread.
struct Share {
  int64_t begin, end;
  Share(int64_t count, int thread, int threads)
      : begin(count * thread / threads), end(count * (thread + 1) / threads) {}
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// One thread's part of a run.
class Worker {
 public:
  Worker(const Program& program, const KernelTable& kernels, Workspace& workspace,
         const uint8_t* images, int thread, int threads, Barrier& barrier)
      : program_(program),
        kernels_(kernels),
        workspace_(workspace),
        images_(images),
        thread_(thread),
        threads_(threads),
        barrier_(barrier) {}

  void run(size_t first, size_t end, double* seconds) {
    double start = now();
    for (size_t i = first; i < end; ++i) {
      const PlannedStep& step = workspace_.steps()[i];
      switch (program_.steps[i].op) {
        case StepSpec::Op::kStem: run_stem(step); break;
        case StepSpec::Op::kConv: run_conv(step.conv); break;
        case StepSpec::Op::kMean: run_mean(step.mean, program_.steps[i].out_channels); break;
      }
      barrier_.wait();
      if (seconds != nullptr && thread_ == 0) {
        double time = now();
        seconds[i - first] = time - start;
        start = time;
      }
    }
  }

 private:
  void run_stem(const PlannedStep& step) {
    expand_rows(step.pixels);
    barrier_.wait();
    auto* scratch = reinterpret_cast<int32_t*>(workspace_.scratch(thread_));
    in_rows(workspace_.size().images, step.height, [&](int image, int begin, int end) {
      kernels_.stem(step.stem, image, begin, end, scratch);
    });
  }

  // Bytes to 16-bit numbers, inside a border of zeros.
  void expand_rows(const MapView<int16_t>& pixels) {
    const int64_t height = workspace_.size().height;
    const int64_t row_size = workspace_.size().width * program_.input_channels;
    in_rows(workspace_.size().images, height, [&](int image, int64_t begin, int64_t end) {
      for (int64_t y = begin; y < end; ++y) {
        const uint8_t* from = images_ + (image * height + y) * row_size;
        std::copy(from, from + row_size, pixels.at(image, y, 0));
      }
    });
  }

  template <class Run>
  void in_rows(int64_t images, int64_t height, const Run& run) {
    Share share(images * height, thread_, threads_);
    for (int64_t item = share.begin; item < share.end;) {
      int64_t image = item / height, row = item % height;
      int64_t rows = std::min(height - row, share.end - item);
      run(static_cast<int>(image), static_cast<int>(row), static_cast<int>(row + rows));
      item += rows;
    }
  }

  // Items are rows of 64 channels: of all branches in turn, or of all together where they join.
  void run_conv(const ConvArgs& conv) {
    const int64_t branches = conv.join != nullptr ? 1 : conv.num_branches;
    const int64_t quads = (conv.blocks + kQuadBlocks - 1) / kQuadBlocks;
    const int64_t height = conv.height;
    Share share(workspace_.size().images * branches * quads * height, thread_, threads_);
    for (int64_t item = share.begin; item < share.end;) {
      int64_t row = item % height, rest = item / height;
      int64_t rows = std::min(height - row, share.end - item);
      RowRange range;
      range.first_row = static_cast<int>(row);
      range.end_row = static_cast<int>(row + rows);
      range.quad = static_cast<int>(rest % quads);
      range.branch = static_cast<int>(rest / quads % branches);
      range.image = static_cast<int>(rest / quads / branches);
      if (conv.join != nullptr) {
        kernels_.joined_conv(conv, range, workspace_.scratch(thread_), workspace_.scratch_size());
      } else {
        kernels_.conv(conv, range);
      }
      item += rows;
    }
  }

  void run_mean(const MeanArgs& mean, int channels) {
    in_rows(workspace_.size().images, blocks_of(channels),
            [&](int image, int begin, int end) { kernels_.mean(mean, image, begin, end); });
  }

  const Program& program_;
  const KernelTable& kernels_;
  Workspace& workspace_;
  const uint8_t* images_;
  const int thread_, threads_;
  Barrier& barrier_;
};

int bit_of(const uint32_t* pixel, int channel, bool paired) {
  const uint32_t* memory = pixel + channel / 64 * 2;
  WordPair words = unpair_words(memory[0], memory[1], paired);
  uint32_t word = channel % 64 < 32 ? words.first : words.second;
  return static_cast<int>((word >> (channel % 32)) & 1);
}

}  // namespace

Network::Network(const PackedFile& file, const KernelTable& kernels)
    : kernels_(kernels),
      program_(read_program(file)),
      prepared_(prepare(program_, kernels, constants_)) {
  // Tensors lie in the file, which need not live on: their values are laid out now.
  for (StepSpec& step : program_.steps) {
    step.stem.weight.data = nullptr;
    for (auto& branch : step.conv.branches) {
      for (auto& term : branch.terms) term.weight.data = nullptr;
    }
  }
}

std::unique_ptr<Workspace> Network::acquire(const ImageSize& size) {
  {
    std::lock_guard<std::mutex> lock(free_mutex_);
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if ((*it)->size() == size) {
        auto workspace = std::move(*it);
        free_.erase(it);
        return workspace;
      }
    }
  }
  return std::make_unique<Workspace>(program_, prepared_, kernels_, size);
}

void Network::give_back(std::unique_ptr<Workspace> workspace) {
  std::lock_guard<std::mutex> lock(free_mutex_);
  if (free_.size() >= kMaxFree) free_.erase(free_.begin());
  free_.push_back(std::move(workspace));
}

void Network::run(Workspace& workspace, const uint8_t* images, int threads, size_t first,
                  size_t end, double* seconds) {
  threads = std::max(1, threads);
  workspace.reserve_scratch(threads);
  std::unique_ptr<Barrier> barrier;
  std::mutex made;
  pool_.run(threads, [&](int thread, int active) {
    {
      std::lock_guard<std::mutex> lock(made);
      if (barrier == nullptr) barrier = std::make_unique<Barrier>(active);
    }
    Worker(program_, kernels_, workspace, images, thread, active, *barrier)
        .run(first, end, seconds);
  });
}

void Network::read_floats(const Workspace& workspace, int buffer, float* out) const {
  const BufferMemory& memory = workspace.buffers()[buffer];
  const auto channels = static_cast<size_t>(program_.buffers[buffer].channels);
  for (int64_t n = 0; n < workspace.size().images; ++n) {
    for (int64_t y = 0; y < memory.height; ++y) {
      for (int64_t x = 0; x < memory.width; ++x, out += channels) {
        std::memcpy(out, memory.floats.at(n, y, x), channels * sizeof(float));
      }
    }
  }
}

void Network::read_bits(const Workspace& workspace, int buffer, uint8_t* out) const {
  const BufferMemory& memory = workspace.buffers()[buffer];
  const int channels = program_.buffers[buffer].channels;
  for (int64_t n = 0; n < workspace.size().images; ++n) {
    for (int64_t y = 0; y < memory.height; ++y) {
      for (int64_t x = 0; x < memory.width; ++x) {
        const uint32_t* pixel = memory.words.at(n, y, x);
        for (int c = 0; c < channels; ++c) {
          *out++ = static_cast<uint8_t>(bit_of(pixel, c, kernels_.paired));
        }
      }
    }
  }
}

}  // namespace groupnet
