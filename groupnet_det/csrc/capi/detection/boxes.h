// Anchors and boxes: groupnet_det/runtime/postprocessing/boxes.py in C++, operation by operation in
// float32.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "capi/images/preprocessing.h"
#include "core/format/json/json.h"

namespace groupnet {

// Sides in pixels.
struct Box {
  float left = 0, upper = 0, right = 0, lower = 0;

  float width() const { return right - left; }
  float height() const { return lower - upper; }
  bool is_finite() const;
  // Wider and higher than that.
  bool is_larger_than(float side) const { return width() > side && height() > side; }
};

// The probabilities, (height, width), that pixels of a box are part of its object.
struct RegionMask {
  int64_t height = 0, width = 0;
  std::vector<float> values;
};

struct Objects {
  std::vector<Box> boxes;
  std::vector<float> scores;
  std::vector<int64_t> classes;
  std::vector<RegionMask> masks;  // none, or one for each

  size_t size() const { return boxes.size(); }
  void add(const Box& box, float score, int64_t label);
  Objects at(const std::vector<int64_t>& numbers) const;
  // The boxes with at least the score threshold of their class.
  Objects above(const std::vector<double>& thresholds) const;
};

// Cut to an image of that size.
Box clipped(const Box& box, const PixelSize& size);

// A box of an image of `size` as one of the same image of the size `wanted`, cut to it.
Box rescaled(const Box& box, const PixelSize& size, const PixelSize& wanted);

// The boxes that deltas start from, on one level.
struct LevelAnchors {
  std::vector<Box> cells;  // around a corner of a pixel
  float stride = 1, offset = 0;

  int64_t count() const { return static_cast<int64_t>(cells.size()); }
  // The anchor of number (row * width + column) * count() + cell.
  Box at(int64_t number, int64_t width) const;
};

class Anchors {
 public:
  Anchors(const Json& json, const std::string& what);
  // Throws Error where the level has none.
  const LevelAnchors& level(const std::string& name) const;

 private:
  std::map<std::string, LevelAnchors> levels_;
};

// What four deltas mean: a moved centre and a scaled size, or the distances to the four sides.
class BoxCoding {
 public:
  BoxCoding(const Json& json, const std::string& what);
  Box decode(const float* deltas, const Box& from) const;

 private:
  bool distances_ = false;
  std::vector<float> weights_;
  float clamp_ = 0;
};

}  // namespace groupnet
