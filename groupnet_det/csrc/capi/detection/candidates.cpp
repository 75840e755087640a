#include "capi/detection/candidates.h"

#include <algorithm>

namespace groupnet {

namespace {

constexpr size_t kFew = 1000;  // objects up to which torchvision moves classes apart
constexpr int64_t kMany = 64;  // times the best, from which torch sorts these alone

// Moved so far that boxes of two classes do not overlap. Sums are rounded, so that others may
// remain than with NMS for each class.
std::vector<Box> moved_apart(const Objects& objects) {
  float most = objects.boxes[0].left;
  for (const Box& box : objects.boxes) {
    most = std::max({most, box.left, box.upper, box.right, box.lower});
  }
  std::vector<Box> boxes = objects.boxes;
  for (size_t i = 0; i < boxes.size(); ++i) {
    const float by = static_cast<float>(objects.classes[i]) * (most + 1.0f);
    boxes[i] = {boxes[i].left + by, boxes[i].upper + by, boxes[i].right + by, boxes[i].lower + by};
  }
  return boxes;
}

}  // namespace

Suppression read_suppression(const Json& json, const std::string& what,
                             const ObjectOptions& options) {
  Suppression how;
  how.threshold = json.at("nms_threshold", what).as_number(what + ".nms_threshold");
  how.max_detections = json.at("max_detections", what).as_integer(what + ".max_detections");
  how.class_agnostic = options.class_agnostic_nms;
  return how;
}

void keep_best(std::vector<Scored>& all, int64_t count) {
  // NaN is the greatest.
  const auto is_better = [](const Scored& a, const Scored& b) {
    return (a.score != a.score && b.score == b.score) || a.score > b.score;
  };
  const auto size = static_cast<int64_t>(all.size());
  count = std::min(count, size);
  if (count > 0 && count <= size / kMany) {
    std::partial_sort(all.begin(), all.begin() + count, all.end(), is_better);
  } else if (count > 0) {
    std::nth_element(all.begin(), all.begin() + count - 1, all.end(), is_better);
    std::sort(all.begin(), all.begin() + count - 1, is_better);
  }
  all.resize(static_cast<size_t>(count));
}

std::vector<int64_t> suppress(Network& network, const Objects& objects, const Suppression& how,
                              int threads) {
  static_assert(sizeof(Box) == 4 * sizeof(float), "boxes are rows of four numbers");
  if (objects.size() == 0) return {};
  Candidates candidates;
  candidates.scores = objects.scores.data();
  candidates.count = static_cast<int64_t>(objects.size());
  std::vector<Box> moved;
  std::vector<int64_t> one_class;
  candidates.boxes = &objects.boxes[0].left;
  candidates.classes = objects.classes.data();
  if (how.class_agnostic || objects.size() <= kFew) {
    one_class.resize(objects.size());
    candidates.classes = one_class.data();
  }
  if (!how.class_agnostic && objects.size() <= kFew) {
    moved = moved_apart(objects);
    candidates.boxes = &moved[0].left;
  }
  std::vector<int64_t> kept = network.nms(candidates, how.threshold, threads);
  std::stable_sort(kept.begin(), kept.end(), [&](int64_t a, int64_t b) {
    return objects.scores[static_cast<size_t>(a)] > objects.scores[static_cast<size_t>(b)];
  });
  if (how.max_detections >= 0 && static_cast<int64_t>(kept.size()) > how.max_detections) {
    kept.resize(static_cast<size_t>(how.max_detections));
  }
  return kept;
}

}  // namespace groupnet
