#include "capi/regions/head.h"

#include "capi/members.h"
#include "core/message.h"
#include "core/run/workspace_lease.h"

namespace groupnet {

Head::Head(const Network& network, const std::string& part, const Pooler& pooler)
    : part_(network.part(part)), given_{kChunk, pooler.rows(), pooler.columns()} {
  require(part_->program().input_channels == pooler.channels(),
          "part " + quoted(part) + " takes " + std::to_string(part_->program().input_channels) +
              " channels, not the " + std::to_string(pooler.channels()) + " of the levels");
  shapes_ = infer_shapes(part_->program(), given_);
}

int Head::output(const std::string& name, int64_t channels) const {
  return buffer_of(part_->program(), name, channels);
}

int64_t Head::channels(const std::string& name) const {
  const auto buffer = static_cast<size_t>(buffer_of(part_->program(), name));
  return part_->program().buffers[buffer].channels;
}

MapSize Head::size_of(int buffer) const { return shapes_.buffers[static_cast<size_t>(buffer)]; }

std::vector<HeadMap> Head::run(Network& network, const Pooler& pooler,
                               const std::vector<FlatMap>& maps, std::vector<Box> boxes,
                               const std::vector<int>& buffers, int threads) const {
  boxes.resize(static_cast<size_t>(kChunk));
  const std::vector<float> pooled = pooler.pool(network, maps, boxes, threads);
  WorkspaceLease workspace(*part_, given_);
  part_->run(*workspace, Given{nullptr, pooled.data()}, threads, 0, part_->program().steps.size());
  std::vector<HeadMap> outputs;
  for (int buffer : buffers) {
    HeadMap& output = outputs.emplace_back();
    output.height = size_of(buffer).height;
    output.width = size_of(buffer).width;
    output.channels = part_->program().buffers[static_cast<size_t>(buffer)].channels;
    output.values.resize(static_cast<size_t>(kChunk * output.size_of_one()));
    part_->read_floats(*workspace, buffer, output.values.data());
  }
  return outputs;
}

}  // namespace groupnet
