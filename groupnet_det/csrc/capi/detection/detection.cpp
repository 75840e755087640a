#include "capi/detection/detection.h"

#include <algorithm>

#include "core/message.h"

namespace groupnet {

ObjectOptions::ObjectOptions(const Json& json, const std::string& what) {
  if (const Json* nms = json.find(kNms, what)) class_agnostic_nms = nms->as_bool(what + "." + kNms);
  if (const Json* by_class = json.find(kThresholds, what)) {
    const std::string where = what + "." + kThresholds;
    for (const auto& [name, threshold] : by_class->as_object(where)) {
      thresholds[name] = threshold.as_number(where);
    }
  }
}

std::vector<double> ObjectOptions::score_thresholds(const std::vector<std::string>& class_names,
                                                    double other) const {
  for (const auto& [name, threshold] : thresholds) {
    require(std::find(class_names.begin(), class_names.end(), name) != class_names.end(),
            "its class_score_thresholds have " + quoted(name) + ", which is none of its classes");
  }
  std::vector<double> all;
  for (const std::string& name : class_names) {
    const auto own = thresholds.find(name);
    all.push_back(own == thresholds.end() ? other : own->second);
  }
  return all;
}

Objects in_pixels_of_image(Objects objects, const DetectionInput& input) {
  std::vector<int64_t> kept;
  for (size_t i = 0; i < objects.size(); ++i) {
    objects.boxes[i] = rescaled(objects.boxes[i], input.size, input.wanted);
    if (objects.boxes[i].is_larger_than(0)) kept.push_back(static_cast<int64_t>(i));
  }
  return objects.at(kept);
}

}  // namespace groupnet
