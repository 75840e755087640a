#include "capi/detection/detection.h"

namespace groupnet {

Objects in_pixels_of_image(Objects objects, const DetectionInput& input) {
  std::vector<int64_t> kept;
  for (size_t i = 0; i < objects.size(); ++i) {
    objects.boxes[i] = rescaled(objects.boxes[i], input.size, input.wanted);
    if (objects.boxes[i].is_larger_than(0)) kept.push_back(static_cast<int64_t>(i));
  }
  return objects.at(kept);
}

}  // namespace groupnet
