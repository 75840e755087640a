#include "capi/detection/dense.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "capi/detection/maps.h"
#include "capi/detection/numbers.h"
#include "capi/members.h"
#include "core/memory/memory_limit.h"
#include "core/message.h"
#include "core/run/workspace_lease.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxTopk = std::numeric_limits<int32_t>::max();

}  // namespace

DenseDetection::DenseDetection(const Json& json, const std::string& what, const Program& program)
    : coding_(json.at("box_coding", what), what + ".box_coding"),
      options_(json, what),
      suppression_(read_suppression(json, what, options_)) {
  check_members(json, what,
                {"kind", "levels", "anchors", "box_coding", "score", "score_threshold", "topk",
                 "nms_threshold", "max_detections"},
                {ObjectOptions::kNms, ObjectOptions::kThresholds});
  const std::string& score = json.at("score", what).as_string(what + ".score");
  require(score == "sigmoid" || score == "sigmoid_centerness",
          what + ".score is " + quoted(score) + "; valid: 'sigmoid', 'sigmoid_centerness'");
  has_centerness_ = score == "sigmoid_centerness";
  score_threshold_ = json.at("score_threshold", what).as_number(what + ".score_threshold");
  topk_ = read_integer(json.at("topk", what), what + ".topk", 0, kMaxTopk);
  const Anchors anchors(json.at("anchors", what), what + ".anchors");
  for (const std::string& level : read_texts(json.at("levels", what), what + ".levels")) {
    read_level(level, anchors, program);
  }
  require(!levels_.empty(), what + ".levels is empty");
}

void DenseDetection::read_level(const std::string& name, const Anchors& anchors,
                                const Program& program) {
  Level level;
  level.anchors = anchors.level(name);
  const int64_t count = level.anchors.count();
  level.deltas = buffer_of(program, "deltas." + name, 4 * count);
  if (has_centerness_) level.centerness = buffer_of(program, "centerness." + name, count);
  level.logits = buffer_of(program, "logits." + name);
  const int64_t channels = program.buffers[static_cast<size_t>(level.logits)].channels;
  if (levels_.empty()) num_classes_ = channels / count;
  require(channels == num_classes_ * count,
          "its logits are not of one number of classes for each anchor");
  levels_.push_back(std::move(level));
}

Objects DenseDetection::detect(Network& network, const DetectionInput& input) const {
  Objects found;
  {
    WorkspaceLease workspace(network, {1, input.size.height, input.size.width});
    network.run(*workspace, input.prepared, input.threads);
    for (const Level& level : levels_) {
      add_candidates(network, *workspace, level, input.threads, found);
    }
  }
  found = found.at(suppress(network, found, suppression_, input.threads));
  return in_pixels_of_image(found.above(input.score_thresholds), input);
}

void DenseDetection::add_candidates(Network& network, Workspace& workspace, const Level& level,
                                    int threads, Objects& found) const {
  const auto& buffers = workspace.buffers();
  const BufferMemory& logits = buffers[static_cast<size_t>(level.logits)];
  const auto map_of = [&](int buffer) -> const MapView<float>& {
    const BufferMemory& map = buffers[static_cast<size_t>(buffer)];
    require(map.height == logits.height && map.width == logits.width,
            "its outputs have different sizes");
    return map.floats;
  };
  const MapView<float>& deltas = map_of(level.deltas);
  const MapView<float>* centerness = has_centerness_ ? &map_of(level.centerness) : nullptr;
  const int64_t count = level.anchors.count();
  // The number of an anchor's pixel in a map.
  const auto pixel = [&](const MapView<float>& map, int64_t anchor) {
    const int64_t position = anchor / count;
    return map.at(0, position / logits.width, position % logits.width);
  };

  const FlatMap values(network, workspace, level.logits);
  const Found above = network.above_threshold(
      values.data(), logits.height * logits.width * count * num_classes_, lowest_logit(), threads);
  check_memory(above.index.size(), sizeof(Scored));
  std::vector<Scored> candidates;
  const float least = to_float(score_threshold_);
  for (size_t i = 0; i < above.index.size(); ++i) {
    float score = sigmoid(above.values[i]);
    const int64_t anchor = above.index[i] / num_classes_;
    if (centerness != nullptr) {
      score = std::sqrt(score * sigmoid(pixel(*centerness, anchor)[anchor % count]));
    }
    if (score > least) candidates.push_back({score, above.index[i]});
  }
  keep_best(candidates, topk_);
  for (const Scored& candidate : candidates) {
    const int64_t anchor = candidate.number / num_classes_;
    const Box box = coding_.decode(pixel(deltas, anchor) + anchor % count * 4,
                                   level.anchors.at(anchor, logits.width));
    // Where numbers overflow there is no object; one NaN would end the suppression of all.
    if (box.is_finite() && std::isfinite(candidate.score)) {
      found.add(box, candidate.score, candidate.number % num_classes_);
    }
  }
}

float DenseDetection::lowest_logit() const {
  const double threshold = std::min(std::max(score_threshold_, 0.0), 1.0);
  const double bound = has_centerness_ ? threshold * threshold : threshold;  // sqrt(a b) > t
  if (!(0 < bound && bound < 1)) return -std::numeric_limits<float>::infinity();
  return static_cast<float>(std::log(bound / (1 - bound)) - 1e-3);
}

}  // namespace groupnet
