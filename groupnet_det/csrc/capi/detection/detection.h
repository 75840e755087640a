// From the maps of a detector to its objects.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "capi/detection/boxes.h"
#include "capi/images/preprocessing.h"
#include "core/run/network.h"

namespace groupnet {

// A prepared image, and what is wanted of it.
struct DetectionInput {
  explicit DetectionInput() = default;  // members are set by name

  const uint8_t* prepared = nullptr;     // bytes (size.height, size.width, 3)
  PixelSize size, wanted;                // boxes are wanted in pixels of the latter
  std::vector<double> score_thresholds;  // of each class: at least that
  int threads = 1;
};

// What a file's postprocessing may say about the choice of objects, whatever its kind.
struct ObjectOptions {
  // The optional members that it is read from.
  static constexpr const char* kNms = "class_agnostic_nms";
  static constexpr const char* kThresholds = "class_score_thresholds";

  ObjectOptions(const Json& json, const std::string& what);
  // Of each class, `other` where the file has none. Throws Error where the file has one of a class
  // that there is not.
  std::vector<double> score_thresholds(const std::vector<std::string>& class_names,
                                       double other) const;

  bool class_agnostic_nms = false;  // a box suppresses those of all classes, not only of its own
  std::map<std::string, double> thresholds;
};

// Boxes of objects in `size` as those in `wanted`, without those that are empty there.
Objects in_pixels_of_image(Objects objects, const DetectionInput& input);

class Detection {
 public:
  virtual ~Detection() = default;

  virtual int64_t num_classes() const = 0;
  virtual const ObjectOptions& options() const = 0;
  // The probability from which a pixel is part of an object's mask; null without masks.
  virtual const double* mask_threshold() const { return nullptr; }
  // The most certain first.
  virtual Objects detect(Network& network, const DetectionInput& input) const = 0;
};

}  // namespace groupnet
