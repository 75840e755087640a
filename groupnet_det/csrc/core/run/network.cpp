#include "core/run/network.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/message.h"
#include "core/ops/operations.h"
#include "core/weights/layout.h"

namespace groupnet {

namespace {

// Of workspaces that are kept.
constexpr size_t kMaxFree = 8;
constexpr size_t kMaxFreeBytes = size_t{64} << 20;

size_t total_bytes(const std::vector<std::unique_ptr<Workspace>>& workspaces) {
  size_t total = 0;
  for (const auto& workspace : workspaces) total += workspace->num_bytes();
  return total;
}

int bit_of(const uint32_t* pixel, int channel, bool paired) {
  const uint32_t* memory = pixel + channel / 64 * 2;
  WordPair words = unpair_words(memory[0], memory[1], paired);
  uint32_t word = channel % 64 < 32 ? words.first : words.second;
  return static_cast<int>((word >> (channel % 32)) & 1);
}

// Calls `copy` with the pixels of a map in their order.
template <class T, class Copy>
void each_pixel(const MapView<T>& map, int64_t images, const BufferMemory& memory,
                const Copy& copy) {
  for (int64_t n = 0; n < images; ++n) {
    for (int64_t y = 0; y < memory.height; ++y) {
      for (int64_t x = 0; x < memory.width; ++x) copy(map.at(n, y, x));
    }
  }
}

}  // namespace

Network::Network(const PackedFile& file, const KernelTable& kernels,
                 std::shared_ptr<ThreadPool> pool, int bases)
    : Network(read_program(file, operations(), bases), kernels, std::make_shared<Constants>(),
              std::move(pool)) {
  // Tensors lie in the file, which need not live on: their values are laid out now.
  constants_->forget_data();
}

Network::Network(Program program, const KernelTable& kernels, std::shared_ptr<Constants> constants,
                 std::shared_ptr<ThreadPool> pool)
    : kernels_(kernels),
      program_(std::move(program)),
      constants_(std::move(constants)),
      pool_(std::move(pool)) {
  WeightPacker packer(program_, kernels, *constants_);
  for (const auto& step : program_.steps) step->pack(packer);
  for (Program& part : program_.parts) {
    parts_.emplace_back(new Network(std::move(part), kernels, constants_, pool_));
  }
  program_.parts.clear();
}

std::vector<std::string> Network::parts() const {
  std::vector<std::string> names;
  for (const auto& part : parts_) names.push_back(part->program().name);
  return names;
}

std::shared_ptr<Network> Network::part(const std::string& name) const {
  std::string names;
  for (const auto& part : parts_) {
    if (part->program().name == name) return part;
    names += (names.empty() ? "" : ", ") + part->program().name;
  }
  throw Error("it has no part " + quoted(name) +
              "; its parts: " + (names.empty() ? "none" : shortened(names)));
}

std::unique_ptr<Workspace> Network::acquire(const ImageSize& size) {
  Slab memory;
  {
    std::lock_guard<std::mutex> lock(free_mutex_);
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if ((*it)->size() == size) {
        auto workspace = std::move(*it);
        free_.erase(it);
        workspace->claim_outputs();
        return workspace;
      }
    }
    // Another one of the size of the oldest would be too much: that memory is taken.
    if (!free_.empty() && (free_.size() == kMaxFree ||
                           total_bytes(free_) + free_.front()->num_bytes() > kMaxFreeBytes)) {
      memory = free_.front()->take_memory();
      free_.erase(free_.begin());
    }
  }
  return std::make_unique<Workspace>(program_, kernels_, size, std::move(memory));
}

void Network::give_back(std::unique_ptr<Workspace> workspace) {
  std::lock_guard<std::mutex> lock(free_mutex_);
  free_.push_back(std::move(workspace));
  while (free_.size() > kMaxFree || (free_.size() > 1 && total_bytes(free_) > kMaxFreeBytes)) {
    free_.erase(free_.begin());
  }
}

void Network::run(Workspace& workspace, const Given& given, int threads, size_t first, size_t end,
                  double* seconds) {
  threads = std::max(1, threads);
  workspace.reserve(threads);
  std::unique_ptr<Team> team;
  std::mutex made;
  pool_->run(threads, [&](int thread, int active) {
    {
      std::lock_guard<std::mutex> lock(made);
      if (team == nullptr) team = std::make_unique<Team>(workspace, active);
    }
    StepExecutor(workspace, given, thread, active, *team).run(first, end, seconds);
  });
}

void Network::read_floats(const Workspace& workspace, int buffer, float* out) const {
  const BufferMemory& memory = workspace.buffers()[buffer];
  const auto channels = static_cast<size_t>(program_.buffers[buffer].channels);
  each_pixel(memory.floats, workspace.size().images, memory, [&](const float* pixel) {
    std::memcpy(out, pixel, channels * sizeof(float));
    out += channels;
  });
}

void Network::read_bytes(const Workspace& workspace, int buffer, uint8_t* out) const {
  const BufferMemory& memory = workspace.buffers()[buffer];
  const auto channels = static_cast<size_t>(program_.buffers[buffer].channels);
  each_pixel(memory.bytes, workspace.size().images, memory, [&](const uint8_t* pixel) {
    std::memcpy(out, pixel, channels);
    out += channels;
  });
}

void Network::read_bits(const Workspace& workspace, int buffer, uint8_t* out) const {
  const BufferMemory& memory = workspace.buffers()[buffer];
  const int channels = program_.buffers[buffer].channels;
  each_pixel(memory.words, workspace.size().images, memory, [&](const uint32_t* pixel) {
    for (int c = 0; c < channels; ++c) {
      *out++ = static_cast<uint8_t>(bit_of(pixel, c, kernels_.paired));
    }
  });
}

}  // namespace groupnet
