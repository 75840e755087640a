#include "capi/regions/panoptic.h"

#include <algorithm>

#include "capi/members.h"
#include "capi/regions/masks.h"
#include "core/memory/memory_limit.h"
#include "core/message.h"
#include "core/run/workspace_lease.h"

namespace groupnet {

namespace {

constexpr const char* kWhat = "info.postprocessing";
constexpr int32_t kThings = 0;  // the label that stands for all objects

const Json& panoptic_of(const Json& info) {
  const Json& json = info.at("postprocessing", "info");
  const std::string what = std::string(kWhat) + ".kind";
  const std::string& kind = json.at("kind", kWhat).as_string(what);
  require(kind == "panoptic", what + " is " + quoted(kind) + "; valid: 'panoptic'");
  return json;
}

size_t pixels_of(const PixelSize& size) { return static_cast<size_t>(size.height * size.width); }

}  // namespace

Panoptic::Panoptic(const Json& info, const Network& network)
    : detection_(panoptic_of(info), kWhat, network) {
  require(detection_.mask_threshold() != nullptr,
          std::string(kWhat) + ".mask is missing; panoptic segments are made of masks");
  const std::string what = std::string(kWhat) + ".combination";
  const Json& json = panoptic_of(info).at("combination", kWhat);
  check_members(json, what, {"overlap_threshold", "stuff_area_limit", "score_threshold"});
  overlap_threshold_ = json.at("overlap_threshold", what).as_number(what + ".overlap_threshold");
  stuff_area_limit_ = json.at("stuff_area_limit", what).as_integer(what + ".stuff_area_limit");
  json.at("score_threshold", what).as_number(what + ".score_threshold");  // a caller's is taken
  logits_ = buffer_of(network.program(), "logits");
  num_labels_ = network.program().buffers[static_cast<size_t>(logits_)].channels;
}

Segments Panoptic::segments(Network& network, const DetectionInput& input) const {
  check_memory(pixels_of(input.wanted), 3 * sizeof(int32_t));
  WorkspaceLease workspace(network, {1, input.size.height, input.size.width});
  network.run(*workspace, input.prepared, input.threads);
  const Objects objects = detection_.detect(network, *workspace, input);
  Segments found;
  found.map.resize(pixels_of(input.wanted));
  add_objects(objects, input, found);
  add_stuff(labels(network, *workspace, input), found);
  return found;
}

void Panoptic::add_objects(const Objects& objects, const DetectionInput& input,
                           Segments& found) const {
  const float threshold = to_float(*detection_.mask_threshold());
  std::vector<uint8_t> mask(found.map.size());
  const auto& thresholds = input.score_thresholds;
  const double lowest = *std::min_element(thresholds.begin(), thresholds.end());
  for (size_t i = 0; i < objects.size(); ++i) {  // the best first
    if (static_cast<double>(objects.scores[i]) < lowest) break;
    const Area where =
        paste(objects.masks[i], objects.boxes[i], input.wanted, threshold, mask.data());
    const auto each_pixel = [&](const auto& use) {
      for (int64_t y = where.upper; y < where.lower; ++y) {
        for (int64_t x = where.left; x < where.right; ++x) {
          const auto pixel = static_cast<size_t>(y * input.wanted.width + x);
          if (mask[pixel] != 0) use(found.map[pixel]);
        }
      }
    };
    int64_t area = 0, left = 0;
    each_pixel([&](int32_t id) {
      ++area;
      left += id == 0 ? 1 : 0;
    });
    const double taken = static_cast<double>(area - left) / static_cast<double>(area);
    if (area == 0 || taken > overlap_threshold_) continue;
    Segment& segment = found.list.emplace_back();
    segment.is_thing = true;
    segment.label = objects.classes[i];
    segment.score = objects.scores[i];
    segment.area = left;
    const auto number = static_cast<int32_t>(found.list.size());
    each_pixel([&](int32_t& id) {
      if (id == 0) id = number;
    });
  }
}

void Panoptic::add_stuff(const std::vector<int32_t>& labels, Segments& found) const {
  std::vector<int64_t> areas(static_cast<size_t>(num_labels_));
  for (size_t i = 0; i < labels.size(); ++i) {
    if (found.map[i] == 0) ++areas[static_cast<size_t>(labels[i])];
  }
  std::vector<int32_t> numbers(areas.size());
  for (size_t label = kThings + 1; label < areas.size(); ++label) {
    if (areas[label] == 0 || areas[label] < stuff_area_limit_) continue;
    Segment& segment = found.list.emplace_back();
    segment.label = static_cast<int64_t>(label);
    segment.area = areas[label];
    numbers[label] = static_cast<int32_t>(found.list.size());
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    if (found.map[i] == 0) found.map[i] = numbers[static_cast<size_t>(labels[i])];
  }
}

std::vector<int32_t> Panoptic::labels(Network& network, const Workspace& workspace,
                                      const DetectionInput& input) const {
  const BufferMemory& memory = workspace.buffers()[static_cast<size_t>(logits_)];
  require(memory.height >= input.size.height && memory.width >= input.size.width,
          "the logits are smaller than the image");
  const MapView<float>& logits = memory.floats;
  LabelMap map;
  map.logits = {logits.origin, logits.image_stride, logits.row_stride, logits.pixel_stride};
  map.channels = static_cast<int>(num_labels_);
  map.height = input.size.height;
  map.width = input.size.width;
  map.out_height = input.wanted.height;
  map.out_width = input.wanted.width;
  std::vector<int32_t> labels(pixels_of(input.wanted));
  network.label_map(map, input.threads, labels.data());
  return labels;
}

}  // namespace groupnet
