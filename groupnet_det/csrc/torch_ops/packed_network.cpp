#include "torch_ops/packed_network.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <set>

#include "core/message.h"
#include "core/run/isa.h"
#include "core/run/workspace_lease.h"
#include "torch_ops/openmp_team.h"

namespace groupnet {

namespace {

// What a network takes: images, or the maps of a part.
void check_given(const at::Tensor& given, const Program& program) {
  const bool maps = program.is_part;
  const auto type = maps ? at::kFloat : at::kByte;
  TORCH_CHECK_VALUE(given.device().is_cpu() && given.scalar_type() == type,
                    maps ? "maps" : "images", " are of type ", given.scalar_type(), " on ",
                    given.device(), "; a ", maps ? "part" : "packed network", " takes ",
                    maps ? "float32" : "unsigned bytes", " on the CPU");
  TORCH_CHECK_VALUE(given.dim() == 4 && given.size(3) == program.input_channels,
                    maps ? "maps" : "images", " have the shape ", given.sizes(), "; a ",
                    maps ? "part" : "packed network", " takes (N, H, W, ", program.input_channels,
                    ")");
}

ImageSize size_of(const at::Tensor& images) {
  return {images.size(0), images.size(1), images.size(2)};
}

Given given_by(const at::Tensor& input) {
  if (input.scalar_type() == at::kByte) return {input.const_data_ptr<uint8_t>(), nullptr};
  return {nullptr, input.const_data_ptr<float>()};
}

std::shared_ptr<Network> open_network(const std::string& path, int64_t bases) {
  return as_value_error([&] {
    const KernelTable& kernels = choose_kernels_from_environment();
    PackedFile file = PackedFile::open(path);
    try {
      return std::make_shared<Network>(file, kernels,
                                       std::make_shared<ThreadPool>(run_in_openmp_team),
                                       static_cast<int>(std::clamp<int64_t>(bases, -1, 1 << 16)));
    } catch (const Error& error) {
      throw unusable(path, error);
    }
  });
}

}  // namespace

PackedNetwork::PackedNetwork(const std::string& path, int64_t bases)
    : network_(open_network(path, bases)) {}

c10::intrusive_ptr<PackedNetwork> PackedNetwork::part(const std::string& name) const {
  return as_value_error([&] { return c10::make_intrusive<PackedNetwork>(network_->part(name)); });
}

c10::Dict<std::string, at::Tensor> PackedNetwork::run(const at::Tensor& images) {
  return as_value_error([&] {
    check_given(images, network_->program());
    const int64_t at_once = images_at_once(size_of(images));
    const auto& names = network_->program().outputs;
    std::vector<std::vector<at::Tensor>> parts(names.size());
    for (int64_t first = 0; first < images.size(0); first += at_once) {
      const int64_t count = std::min(at_once, images.size(0) - first);
      run_part(images.narrow(0, first, count), count == images.size(0), parts);
    }
    c10::Dict<std::string, at::Tensor> outputs;
    for (size_t i = 0; i < parts.size(); ++i) {
      outputs.insert(names[i].first, parts[i].size() == 1 ? parts[i][0] : at::cat(parts[i]));
    }
    return outputs;
  });
}

std::tuple<std::vector<int64_t>, std::vector<int64_t>, std::vector<at::Tensor>>
PackedNetwork::trace(const at::Tensor& images) {
  return as_value_error([&] {
    check_given(images, network_->program());
    // Refuses sizes before anything is copied.
    WorkspaceLease workspace(*network_, size_of(images));
    at::Tensor input = images.contiguous();
    std::vector<int64_t> steps, buffers;
    std::vector<at::Tensor> contents;
    const auto& program = network_->program();
    for (size_t i = 0; i < program.steps.size(); ++i) {
      network_->run(*workspace, given_by(input), at::get_num_threads(), i, i + 1);
      for (int buffer : program.steps[i]->writes()) {
        steps.push_back(static_cast<int64_t>(i));
        buffers.push_back(buffer);
        contents.push_back(read(*workspace, buffer));
      }
    }
    return std::make_tuple(steps, buffers, contents);
  });
}

std::vector<std::vector<int64_t>> PackedNetwork::shapes(int64_t images, int64_t height,
                                                        int64_t width) const {
  return as_value_error([&] {
    const Program& program = network_->program();
    const Shapes shapes = infer_shapes(program, {images, height, width});
    std::vector<std::vector<int64_t>> all;
    for (size_t i = 0; i < program.buffers.size(); ++i) {
      const BufferShape& shape = shapes.buffers[i];
      all.push_back(
          {shape.is_written ? images : 0, shape.height, shape.width, program.buffers[i].channels});
    }
    return all;
  });
}

int64_t PackedNetwork::num_barriers(int64_t images, int64_t height, int64_t width) const {
  return as_value_error([&] {
    WorkspaceLease workspace(*network_, {images, height, width});
    return (*workspace).num_barriers();
  });
}

at::Tensor PackedNetwork::time_steps(const at::Tensor& images, int64_t repeats) {
  return as_value_error([&] {
    TORCH_CHECK_VALUE(repeats > 0, "repeats must be positive");
    check_given(images, network_->program());
    // Refuses sizes before anything is copied.
    WorkspaceLease workspace(*network_, size_of(images));
    at::Tensor input = images.contiguous();
    auto count = network_->program().steps.size();
    at::Tensor seconds = at::zeros({repeats, static_cast<int64_t>(count)}, at::kDouble);
    for (int64_t i = 0; i < repeats; ++i) {
      network_->run(*workspace, given_by(input), at::get_num_threads(), 0, count,
                    seconds.data_ptr<double>() + i * static_cast<int64_t>(count));
    }
    return seconds;
  });
}

// So many that their maps stay in a cache. Refuses sizes before anything is copied.
int64_t PackedNetwork::images_at_once(ImageSize size) {
  constexpr int64_t kCacheBytes = 8 << 20;
  if (size.images > 1) size.images = 1;
  WorkspaceLease workspace(*network_, size);
  return std::max<int64_t>(1, kCacheBytes / static_cast<int64_t>((*workspace).num_bytes()));
}

void PackedNetwork::run_part(const at::Tensor& images, bool alone,
                             std::vector<std::vector<at::Tensor>>& parts) {
  at::Tensor input = images.contiguous();
  WorkspaceLease workspace(*network_, size_of(input));
  network_->run(*workspace, given_by(input), at::get_num_threads(), 0,
                network_->program().steps.size());
  std::set<int> taken;
  for (size_t i = 0; i < parts.size(); ++i) {
    const int buffer = network_->program().outputs[i].second;
    const auto holder = (*workspace).holder_of(buffer);
    const bool takes = alone && holder != nullptr && taken.insert(buffer).second;
    parts[i].push_back(takes ? take(*workspace, buffer, holder) : read(*workspace, buffer));
  }
}

// A large output without a copy: the workspace takes other memory for the next run.
at::Tensor PackedNetwork::take(const Workspace& workspace, int buffer,
                               std::shared_ptr<const void> holder) const {
  const BufferMemory& memory = workspace.buffers()[buffer];
  const MapView<float>& map = memory.floats;
  return at::from_blob(
      map.origin,
      {workspace.size().images, memory.height, memory.width,
       network_->program().buffers[buffer].channels},
      {map.image_stride, map.row_stride, map.pixel_stride, 1},
      [holder = std::move(holder)](void*) {}, at::TensorOptions(at::kFloat));
}

at::Tensor PackedNetwork::read(const Workspace& workspace, int buffer) const {
  const BufferMemory& memory = workspace.buffers()[buffer];
  const BufferSpec& spec = network_->program().buffers[buffer];
  at::Tensor content =
      at::empty({workspace.size().images, memory.height, memory.width, spec.channels},
                spec.kind == BufferKind::kFloat ? at::kFloat : at::kByte);
  switch (spec.kind) {
    case BufferKind::kBits:
      network_->read_bits(workspace, buffer, content.data_ptr<uint8_t>());
      break;
    case BufferKind::kBytes:
      network_->read_bytes(workspace, buffer, content.data_ptr<uint8_t>());
      break;
    case BufferKind::kFloat:
      network_->read_floats(workspace, buffer, content.data_ptr<float>());
      break;
  }
  return content;
}

}  // namespace groupnet
