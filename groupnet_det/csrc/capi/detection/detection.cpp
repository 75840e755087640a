#include "capi/detection/detection.h"

#include <string>

#include "capi/detection/dense.h"
#include "capi/regions/region_detection.h"
#include "core/message.h"

namespace groupnet {

Objects in_pixels_of_image(Objects objects, const DetectionInput& input) {
  std::vector<int64_t> kept;
  for (size_t i = 0; i < objects.size(); ++i) {
    objects.boxes[i] = rescaled(objects.boxes[i], input.size, input.wanted);
    if (objects.boxes[i].is_larger_than(0)) kept.push_back(static_cast<int64_t>(i));
  }
  return objects.at(kept);
}

std::unique_ptr<Detection> Detection::from_info(const Json& info, const std::string& task,
                                                const Network& network) {
  const std::string what = "info.postprocessing";
  const Json& json = info.at("postprocessing", "info");
  const std::string& kind = json.at("kind", what).as_string(what + ".kind");
  if (kind == "rcnn") return std::make_unique<RegionDetection>(json, what, network);
  require(task == "detection", what + ".kind is " + quoted(kind) + "; valid: 'rcnn'");
  require(kind == "retinanet" || kind == "fcos",
          what + ".kind is " + quoted(kind) + "; valid: 'retinanet', 'fcos', 'rcnn'");
  return std::make_unique<DenseDetection>(json, what, network.program());
}

}  // namespace groupnet
