// From the maps of a detector to its objects.
#pragma once

#include <cstdint>
#include <memory>

#include "capi/detection/boxes.h"
#include "capi/images/preprocessing.h"
#include "core/format/json/json.h"
#include "core/run/network.h"

namespace groupnet {

// A prepared image, and what is wanted of it.
struct DetectionInput {
  explicit DetectionInput() = default;  // members are set by name

  const uint8_t* prepared = nullptr;  // bytes (size.height, size.width, 3)
  PixelSize size, wanted;             // boxes are wanted in pixels of the latter
  float score_threshold = 0;          // at least that
  int threads = 1;
};

class Detection {
 public:
  // By "info.postprocessing" of a packed file. Throws Error where it is of a kind that is not
  // known, or does not fit the network.
  static std::unique_ptr<Detection> from_info(const Json& info, const Network& network);
  virtual ~Detection() = default;

  virtual int64_t num_classes() const = 0;
  // The most certain first.
  virtual Objects detect(Network& network, const DetectionInput& input) const = 0;
};

}  // namespace groupnet
