#include "capi/regions/masks.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace groupnet {

namespace {

// Where a pixel lies between the values of a mask with a frame of zeros.
struct Place {
  int64_t before = 0;  // the frame is 0
  float share = 0;     // of the next
};

// Values of the pixels [first, end) on an axis of that many values, stretched from `low` to `high`.
std::vector<Place> places(int64_t first, int64_t end, int64_t count, float low, float high) {
  const auto last = static_cast<float>(count + 1);
  std::vector<Place> places;
  for (int64_t i = first; i < end; ++i) {
    const float centre = static_cast<float>(i) + 0.5f;
    float position = (centre - low) / (high - low) * static_cast<float>(count) + 0.5f;
    position = std::min(std::max(position, 0.0f), last);
    const int64_t before = std::min(static_cast<int64_t>(position), count);
    places.push_back({before, position - static_cast<float>(before)});
  }
  return places;
}

float between(float before, float after, float share) {
  return (1 - share) * before + share * after;
}

}  // namespace

Area paste(const RegionMask& mask, const Box& box, const PixelSize& size, float threshold,
           uint8_t* pixels) {
  const auto from = [](float side) {
    return std::max<int64_t>(static_cast<int64_t>(std::floor(side)) - 1, 0);
  };
  const auto to = [](float side, int64_t most) {
    return std::min(static_cast<int64_t>(std::ceil(side)) + 1, most);
  };
  // A pixel around the box, where the outermost values fade out.
  const Area area{from(box.left), from(box.upper), to(box.right, size.width),
                  to(box.lower, size.height)};
  if (area.is_empty()) return {};
  const auto rows = places(area.upper, area.lower, mask.height, box.upper, box.lower);
  const auto columns = places(area.left, area.right, mask.width, box.left, box.right);
  const auto width = static_cast<size_t>(mask.width);
  std::vector<float> line(width + 2);  // with its frame
  for (int64_t y = area.upper; y < area.lower; ++y) {
    const Place& row = rows[static_cast<size_t>(y - area.upper)];
    const auto value = [&](int64_t number, size_t x) {  // 0 in the frame
      const bool inside = 1 <= number && number <= mask.height;
      return inside ? mask.values[static_cast<size_t>(number - 1) * width + x] : 0;
    };
    for (size_t x = 0; x < width; ++x) {
      line[x + 1] = between(value(row.before, x), value(row.before + 1, x), row.share);
    }
    uint8_t* out = pixels + y * size.width + area.left;
    for (const Place& column : columns) {
      const auto x = static_cast<size_t>(column.before);
      *out++ = between(line[x], line[x + 1], column.share) >= threshold ? 1 : 0;
    }
  }
  return area;
}

}  // namespace groupnet
