#include "capi/regions/region_detection.h"

#include <algorithm>
#include <cmath>

#include "capi/detection/numbers.h"
#include "capi/members.h"
#include "core/message.h"
#include "core/run/workspace_lease.h"

namespace groupnet {

namespace {

// Calls `use(first, count)` with parts of at most `kChunk`.
template <class Use>
void each_chunk(size_t count, const Use& use) {
  constexpr auto kMost = static_cast<size_t>(kChunk);
  for (size_t first = 0; first < count; first += kMost) use(first, std::min(kMost, count - first));
}

std::vector<Box> part_of(const std::vector<Box>& boxes, size_t first, size_t count) {
  const auto begin = boxes.begin() + static_cast<int64_t>(first);
  return {begin, begin + static_cast<int64_t>(count)};
}

}  // namespace

RegionDetection::RegionDetection(const Json& json, const std::string& what, const Network& network)
    : proposals_(json.at("proposals", what), what + ".proposals", network.program()),
      pooler_(json.at("pooler", what), what + ".pooler", network.program()),
      options_(json, what),
      suppression_(read_suppression(json, what, options_)) {
  const bool is_panoptic = json.at("kind", what).as_string(what + ".kind") == "panoptic";
  check_members(json, what,
                {"kind", "proposals", "pooler", "stages", "score", "score_threshold",
                 "nms_threshold", "max_detections"},
                {"mask", ObjectOptions::kNms, ObjectOptions::kThresholds,
                 is_panoptic ? "combination" : "mask"});
  const std::string& score = json.at("score", what).as_string(what + ".score");
  require(score == "softmax" || score == "sigmoid",
          what + ".score is " + quoted(score) + "; valid: 'softmax', 'sigmoid'");
  softmax_ = score == "softmax";
  score_threshold_ = json.at("score_threshold", what).as_number(what + ".score_threshold");
  for (const Json& stage : json.at("stages", what).as_array(what + ".stages")) {
    read_stage(stage, what + ".stages", network);
  }
  require(!stages_.empty(), what + ".stages is empty");
  if (const Json* mask = json.find("mask", what)) read_mask(*mask, what + ".mask", network);
}

void RegionDetection::read_stage(const Json& json, const std::string& what,
                                 const Network& network) {
  check_members(json, what, {"part", "box_coding", "class_agnostic"});
  const std::string& part = json.at("part", what).as_string(what + ".part");
  Stage stage{Head(network, part, pooler_),
              BoxCoding(json.at("box_coding", what), what + ".box_coding")};
  stage.class_agnostic = json.at("class_agnostic", what).as_bool(what + ".class_agnostic");
  const int64_t classes = stage.head.channels("scores") - 1;  // without the background
  if (stages_.empty()) num_classes_ = classes;
  require(classes == num_classes_ && classes > 0, "its stages are not of one number of classes");
  stage.scores = stage.head.output("scores", classes + 1);
  stage.deltas = stage.head.output("deltas", 4 * (stage.class_agnostic ? 1 : classes));
  const MapSize pixel{1, 1};
  require(stage.head.size_of(stage.scores) == pixel && stage.head.size_of(stage.deltas) == pixel,
          "part " + quoted(part) + " gives scores or deltas of more than one pixel");
  stages_.push_back(std::move(stage));
}

void RegionDetection::read_mask(const Json& json, const std::string& what, const Network& network) {
  check_members(json, what, {"part", "pooler", "class_agnostic", "threshold"});
  Pooler pooler(json.at("pooler", what), what + ".pooler", network.program());
  Head head(network, json.at("part", what).as_string(what + ".part"), pooler);
  mask_.reset(new Mask{std::move(pooler), std::move(head)});
  mask_->class_agnostic = json.at("class_agnostic", what).as_bool(what + ".class_agnostic");
  mask_->threshold = json.at("threshold", what).as_number(what + ".threshold");
  mask_->masks = mask_->head.output("masks", mask_->class_agnostic ? 1 : num_classes_);
}

Objects RegionDetection::detect(Network& network, const DetectionInput& input) const {
  WorkspaceLease workspace(network, {1, input.size.height, input.size.width});
  network.run(*workspace, input.prepared, input.threads);
  return detect(network, *workspace, input);
}

Objects RegionDetection::detect(Network& network, const Workspace& workspace,
                                const DetectionInput& input) const {
  const std::vector<Box> regions =
      proposals_.regions(network, workspace, input.size, input.threads);
  Objects found;
  {
    const std::vector<FlatMap> maps = pooler_.maps(network, workspace);
    each_chunk(regions.size(), [&](size_t first, size_t count) {
      add_candidates(network, maps, part_of(regions, first, count), input, found);
    });
  }
  found = found.at(suppress(network, found, suppression_, input.threads));
  found = found.above(input.score_thresholds);  // before the mask head, which is work for each
  if (mask_ != nullptr) add_masks(network, workspace, input.threads, found);
  return in_pixels_of_image(std::move(found), input);
}

void RegionDetection::add_candidates(Network& network, const std::vector<FlatMap>& maps,
                                     std::vector<Box> regions, const DetectionInput& input,
                                     Objects& found) const {
  const auto classes = static_cast<size_t>(num_classes_);
  std::vector<float> total(regions.size() * classes);
  std::vector<HeadMap> outputs;
  for (size_t number = 0; number < stages_.size(); ++number) {
    const Stage& stage = stages_[number];
    outputs = stage.head.run(network, pooler_, maps, regions, {stage.scores, stage.deltas},
                             input.threads);
    add_scores(outputs[0], regions.size(), total);
    if (number + 1 == stages_.size()) break;
    // Where numbers overflow there is no region.
    std::vector<Box> next;
    std::vector<float> rest;
    for (size_t i = 0; i < regions.size(); ++i) {
      const Box box = clipped(stage.coding.decode(outputs[1].region(i), regions[i]), input.size);
      if (!box.is_finite()) continue;
      next.push_back(box);
      const auto row = total.begin() + static_cast<int64_t>(i * classes);
      rest.insert(rest.end(), row, row + num_classes_);
    }
    regions = std::move(next);
    total = std::move(rest);
  }
  const float least = to_float(score_threshold_), stages = static_cast<float>(stages_.size());
  const Stage& last = stages_.back();
  for (size_t i = 0; i < regions.size(); ++i) {
    for (size_t label = 0; label < classes; ++label) {
      const float score = total[i * classes + label] / stages;
      if (!(score > least)) continue;
      const float* deltas = outputs[1].region(i) + (last.class_agnostic ? 0 : 4 * label);
      const Box box = clipped(last.coding.decode(deltas, regions[i]), input.size);
      if (box.is_finite() && std::isfinite(score)) {
        found.add(box, score, static_cast<int64_t>(label));
      }
    }
  }
}

void RegionDetection::add_scores(const HeadMap& logits, size_t regions,
                                 std::vector<float>& total) const {
  const auto classes = static_cast<size_t>(num_classes_);
  for (size_t i = 0; i < regions; ++i) {
    std::vector<float> scores(logits.region(i), logits.region(i) + classes + 1);
    if (softmax_) {
      softmax_in_place(scores.data(), num_classes_ + 1);
    } else {
      std::transform(scores.begin(), scores.end(), scores.begin(), sigmoid);
    }
    for (size_t c = 0; c < classes; ++c) total[i * classes + c] += scores[c];
  }
}

void RegionDetection::add_masks(Network& network, const Workspace& workspace, int threads,
                                Objects& found) const {
  const std::vector<FlatMap> maps = mask_->pooler.maps(network, workspace);
  each_chunk(found.size(), [&](size_t first, size_t count) {
    const auto outputs = mask_->head.run(
        network, mask_->pooler, maps, part_of(found.boxes, first, count), {mask_->masks}, threads);
    const HeadMap& logits = outputs[0];
    for (size_t i = 0; i < count; ++i) {
      RegionMask& mask = found.masks.emplace_back();
      mask.height = logits.height;
      mask.width = logits.width;
      const float* from = logits.region(i) + (mask_->class_agnostic ? 0 : found.classes[first + i]);
      for (int64_t pixel = 0; pixel < logits.height * logits.width; ++pixel) {
        mask.values.push_back(sigmoid(from[pixel * logits.channels]));
      }
    }
  });
}

}  // namespace groupnet
