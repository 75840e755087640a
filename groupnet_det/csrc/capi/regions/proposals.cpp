#include "capi/regions/proposals.h"

#include <cmath>
#include <limits>

#include "capi/detection/maps.h"
#include "capi/members.h"
#include "core/memory/memory_limit.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxTopk = std::numeric_limits<int32_t>::max();

}  // namespace

Proposals::Proposals(const Json& json, const std::string& what, const Program& program)
    : coding_(json.at("box_coding", what), what + ".box_coding") {
  check_members(json, what,
                {"levels", "anchors", "box_coding", "pre_nms_topk", "nms_threshold",
                 "post_nms_topk", "min_box_size"});
  const auto number_of = [&](const char* name) {
    return read_integer(json.at(name, what), what + "." + name, 0, kMaxTopk);
  };
  pre_nms_topk_ = number_of("pre_nms_topk");
  suppression_.max_detections = number_of("post_nms_topk");
  suppression_.threshold = json.at("nms_threshold", what).as_number(what + ".nms_threshold");
  min_box_size_ = to_float(json.at("min_box_size", what).as_number(what + ".min_box_size"));
  require(min_box_size_ >= 0, what + ".min_box_size is below 0");
  const Anchors anchors(json.at("anchors", what), what + ".anchors");
  for (const std::string& name : read_texts(json.at("levels", what), what + ".levels")) {
    Level level;
    level.anchors = anchors.level(name);
    const int64_t count = level.anchors.count();
    level.objectness = buffer_of(program, "objectness." + name, count);
    level.deltas = buffer_of(program, "anchor_deltas." + name, 4 * count);
    levels_.push_back(std::move(level));
  }
  require(!levels_.empty(), what + ".levels is empty");
}

std::vector<Box> Proposals::regions(Network& network, const Workspace& workspace,
                                    const PixelSize& size, int threads) const {
  Objects found;
  for (size_t i = 0; i < levels_.size(); ++i) add_candidates(network, workspace, i, size, found);
  return found.at(suppress(network, found, suppression_, threads)).boxes;
}

void Proposals::add_candidates(const Network& network, const Workspace& workspace, size_t number,
                               const PixelSize& size, Objects& found) const {
  const Level& level = levels_[number];
  const FlatMap objectness(network, workspace, level.objectness);
  const BufferMemory& deltas = workspace.buffers()[static_cast<size_t>(level.deltas)];
  require(deltas.height == objectness.height() && deltas.width == objectness.width(),
          "its outputs have different sizes");
  check_memory(static_cast<size_t>(objectness.size()), sizeof(Scored));
  std::vector<Scored> candidates(static_cast<size_t>(objectness.size()));
  for (size_t i = 0; i < candidates.size(); ++i) {
    candidates[i] = {objectness.data()[i], static_cast<int64_t>(i)};
  }
  keep_best(candidates, pre_nms_topk_);
  const int64_t count = level.anchors.count();
  for (const Scored& candidate : candidates) {
    const int64_t position = candidate.number / count;
    const float* four = deltas.floats.at(0, position / deltas.width, position % deltas.width) +
                        candidate.number % count * 4;
    const Box box =
        clipped(coding_.decode(four, level.anchors.at(candidate.number, deltas.width)), size);
    // Where numbers overflow there is no region.
    if (box.is_finite() && std::isfinite(candidate.score) && box.is_larger_than(min_box_size_)) {
      found.add(box, candidate.score, static_cast<int64_t>(number));
    }
  }
}

}  // namespace groupnet
