#include "capi/detection/boxes.h"

#include <algorithm>
#include <cmath>

#include "capi/detection/numbers.h"
#include "capi/members.h"
#include "core/message.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxStride = 4096;

// NaN remains.
float clipped(float value, float most) {
  if (value < 0) return 0;
  return value > most ? most : value;
}

float not_negative(float value) { return value < 0 ? 0 : value; }

std::vector<Box> read_cells(const Json& json, const std::string& what) {
  std::vector<Box> cells;
  for (const Json& cell : json.as_array(what)) {
    const std::vector<float> sides = read_floats(cell, what);
    require(sides.size() == 4, what + " are not of four numbers each");
    cells.push_back({sides[0], sides[1], sides[2], sides[3]});
  }
  require(!cells.empty(), what + " has a level without anchors");
  return cells;
}

}  // namespace

bool Box::is_finite() const {
  return std::isfinite(left) && std::isfinite(upper) && std::isfinite(right) &&
         std::isfinite(lower);
}

void Objects::add(const Box& box, float score, int64_t label) {
  boxes.push_back(box);
  scores.push_back(score);
  classes.push_back(label);
}

Objects Objects::at(const std::vector<int64_t>& numbers) const {
  Objects some;
  for (int64_t number : numbers) {
    const auto i = static_cast<size_t>(number);
    some.add(boxes[i], scores[i], classes[i]);
    if (!masks.empty()) some.masks.push_back(masks[i]);
  }
  return some;
}

Objects Objects::above(const std::vector<double>& thresholds) const {
  std::vector<int64_t> kept;
  for (size_t i = 0; i < size(); ++i) {
    const float threshold = to_float(thresholds[static_cast<size_t>(classes[i])]);
    if (scores[i] >= threshold) kept.push_back(static_cast<int64_t>(i));
  }
  return at(kept);
}

Box clipped(const Box& box, const PixelSize& size) {
  const auto width = static_cast<float>(size.width), height = static_cast<float>(size.height);
  return {clipped(box.left, width), clipped(box.upper, height), clipped(box.right, width),
          clipped(box.lower, height)};
}

Box rescaled(const Box& box, const PixelSize& size, const PixelSize& wanted) {
  const auto ratio = [](int64_t a, int64_t b) {
    return static_cast<float>(static_cast<double>(a) / static_cast<double>(b));
  };
  const float x = ratio(wanted.width, size.width), y = ratio(wanted.height, size.height);
  return clipped({box.left * x, box.upper * y, box.right * x, box.lower * y}, wanted);
}

Box LevelAnchors::at(int64_t number, int64_t width) const {
  const int64_t position = number / count();
  const Box& cell = cells[static_cast<size_t>(number % count())];
  const float x = (static_cast<float>(position % width) + offset) * stride;
  const float y = (static_cast<float>(position / width) + offset) * stride;
  return {cell.left + x, cell.upper + y, cell.right + x, cell.lower + y};
}

Anchors::Anchors(const Json& json, const std::string& what) {
  check_members(json, what, {"cells", "strides", "offset"});
  const float offset = read_float(json.at("offset", what), what + ".offset");
  const Json& strides = json.at("strides", what);
  for (const auto& [name, cells] : json.at("cells", what).as_object(what + ".cells")) {
    LevelAnchors& level = levels_[name];
    level.cells = read_cells(cells, what + ".cells");
    level.stride = static_cast<float>(
        read_integer(strides.at(name, what + ".strides"), what + ".strides", 1, kMaxStride));
    level.offset = offset;
  }
  require(strides.as_object(what + ".strides").size() == levels_.size(),
          what + ".strides are not those of its cells");
}

const LevelAnchors& Anchors::level(const std::string& name) const {
  const auto found = levels_.find(name);
  require(found != levels_.end(), "the level " + quoted(name) + " has no anchors");
  return found->second;
}

BoxCoding::BoxCoding(const Json& json, const std::string& what) {
  const std::string& kind = json.at("kind", what).as_string(what + ".kind");
  require(kind == "size" || kind == "distances",
          what + ".kind is " + quoted(kind) + "; valid: 'size', 'distances'");
  distances_ = kind == "distances";
  check_members(json, what, {"kind"}, {"weights", "clamp"});
  if (const Json* weights = json.find("weights", what)) {
    weights_ = read_floats(*weights, what + ".weights");
  }
  if (const Json* clamp = json.find("clamp", what)) clamp_ = read_float(*clamp, what + ".clamp");
  require(distances_ ||
              (weights_.size() == 4 && std::count(weights_.begin(), weights_.end(), 0.0f) == 0),
          what + ".weights are not four, none of them 0");
}

Box BoxCoding::decode(const float* deltas, const Box& from) const {
  const float width = from.width(), height = from.height();
  if (distances_) {
    const float x = 0.5f * (from.left + from.right), y = 0.5f * (from.upper + from.lower);
    return {x - not_negative(deltas[0]) * width, y - not_negative(deltas[1]) * height,
            x + not_negative(deltas[2]) * width, y + not_negative(deltas[3]) * height};
  }
  const float x = deltas[0] / weights_[0] * width + (from.left + 0.5f * width);
  const float y = deltas[1] / weights_[1] * height + (from.upper + 0.5f * height);
  const auto half = [&](int i, float side) {
    const float scaled = deltas[i] / weights_[static_cast<size_t>(i)];
    return 0.5f * exponential(scaled > clamp_ ? clamp_ : scaled) * side;
  };
  const float right = half(2, width), down = half(3, height);
  return {x - right, y - down, x + right, y + down};
}

}  // namespace groupnet
