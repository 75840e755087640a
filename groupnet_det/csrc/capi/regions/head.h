// A part of a detector that runs on pooled regions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "capi/regions/pooler.h"
#include "core/run/network.h"

namespace groupnet {

// An output of a part: (regions, height, width, channels).
struct HeadMap {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<float> values;

  int64_t size_of_one() const { return height * width * channels; }
  const float* region(size_t number) const {
    return values.data() + static_cast<int64_t>(number) * size_of_one();
  }
};

class Head {
 public:
  // Throws Error where the network has no such part, or it does not take what the pooler gives.
  Head(const Network& network, const std::string& part, const Pooler& pooler);

  // The buffer of an output, which has that number of channels. Throws Error.
  int output(const std::string& name, int64_t channels) const;
  int64_t channels(const std::string& name) const;
  // The size of an output.
  MapSize size_of(int buffer) const;

  // Its outputs for at most `kChunk` boxes. All chunks have one size, so that memory is planned
  // once: the last one is filled up with empty boxes, whose results mean nothing.
  std::vector<HeadMap> run(Network& network, const Pooler& pooler, const std::vector<FlatMap>& maps,
                           std::vector<Box> boxes, const std::vector<int>& buffers,
                           int threads) const;

 private:
  std::shared_ptr<Network> part_;
  ImageSize given_;
  Shapes shapes_;
};

}  // namespace groupnet
