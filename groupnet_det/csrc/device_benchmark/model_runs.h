// Runs of an embedded model on a fixed image.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device_benchmark/embedded_models.h"
#include "include/groupnet.h"

namespace groupnet_benchmark {

class ModelRuns {
 public:
  // Throws std::runtime_error where the model cannot be opened.
  explicit ModelRuns(const EmbeddedModel& model);

  const EmbeddedModel& model() const { return *model_; }
  std::string instruction_set() const { return groupnet_instruction_set(network_.get()); }

  // Of all values of all outputs for the image that is checked: FNV-1a, 64 bits, over the bits of
  // each float as one 32-bit number. Throws std::runtime_error where the run fails.
  uint64_t checksum(int threads) const;

  // Seconds of a run on the image that is timed: from its bytes to the network's outputs.
  double seconds(int threads) const;

 private:
  using Network = std::unique_ptr<groupnet_model, void (*)(groupnet_model*)>;
  using Result = std::unique_ptr<groupnet_result, void (*)(groupnet_result*)>;

  std::vector<uint8_t> image(const ImageSize& size) const;
  Result run(const std::vector<uint8_t>& image, const ImageSize& size, int threads) const;

  const EmbeddedModel* model_;
  Network network_;
  std::vector<uint8_t> timed_;  // the image
};

}  // namespace groupnet_benchmark
