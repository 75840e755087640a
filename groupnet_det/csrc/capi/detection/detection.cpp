#include "capi/detection/detection.h"

#include <string>

#include "capi/detection/dense.h"
#include "core/message.h"

namespace groupnet {

std::unique_ptr<Detection> Detection::from_info(const Json& info, const Network& network) {
  const std::string what = "info.postprocessing";
  const Json& json = info.at("postprocessing", "info");
  const std::string& kind = json.at("kind", what).as_string(what + ".kind");
  require(kind == "retinanet" || kind == "fcos",
          what + ".kind is " + quoted(kind) + "; valid: 'retinanet', 'fcos'");
  return std::make_unique<DenseDetection>(json, what, network.program());
}

}  // namespace groupnet
