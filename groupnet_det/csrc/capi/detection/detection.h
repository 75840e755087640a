// From the maps of a detector to its objects.
#pragma once

#include <cstdint>

#include "capi/detection/boxes.h"
#include "capi/images/preprocessing.h"
#include "core/run/network.h"

namespace groupnet {

// A prepared image, and what is wanted of it.
struct DetectionInput {
  explicit DetectionInput() = default;  // members are set by name

  const uint8_t* prepared = nullptr;  // bytes (size.height, size.width, 3)
  PixelSize size, wanted;             // boxes are wanted in pixels of the latter
  double score_threshold = 0;         // at least that
  int threads = 1;
};

// Boxes of objects in `size` as those in `wanted`, without those that are empty there.
Objects in_pixels_of_image(Objects objects, const DetectionInput& input);

class Detection {
 public:
  virtual ~Detection() = default;

  virtual int64_t num_classes() const = 0;
  // The probability from which a pixel is part of an object's mask; null without masks.
  virtual const double* mask_threshold() const { return nullptr; }
  // The most certain first.
  virtual Objects detect(Network& network, const DetectionInput& input) const = 0;
};

}  // namespace groupnet
