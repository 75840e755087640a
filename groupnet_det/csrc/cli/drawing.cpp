#include "cli/drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "cli/images/netpbm.h"
#include "cli/images/png.h"
#include "cli/report.h"

namespace groupnet_tool {

namespace {

using Colour = std::array<uint8_t, 3>;

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Hues of equal distance, as `result.plot` in Python has them.
Colour colour_of(int label, int classes) {
  const double place = 6.0 * label / std::max(classes, 1);
  const auto share = [&](double offset) {  // rises, stays, falls and stays over the circle
    const double at = std::fmod(place + offset, 6.0);
    const double value = std::min({at, 4 - at, 1.0});
    return static_cast<uint8_t>(std::lround(255 * std::max(value, 0.0)));
  };
  return {share(2), share(0), share(4)};
}

// Pixels [left, right) x [upper, lower).
struct Area {
  int64_t left, upper, right, lower;
};

void fill(Image& image, const Area& area, const Colour& colour) {
  const int64_t left = std::max<int64_t>(area.left, 0), right = std::min(area.right, image.width);
  const int64_t lower = std::min(area.lower, image.height);
  for (int64_t y = std::max<int64_t>(area.upper, 0); y < lower; ++y) {
    for (int64_t x = left; x < right; ++x) {
      std::copy(colour.begin(), colour.end(), image.pixels.data() + (y * image.width + x) * 3);
    }
  }
}

void draw_box(Image& image, const float* box, const Colour& colour) {
  const int64_t line =
      std::max<int64_t>(1, std::lround(std::min(image.height, image.width) / 250.0));
  const auto down = [](float side) { return static_cast<int64_t>(std::floor(side)); };
  const auto up = [](float side) { return static_cast<int64_t>(std::ceil(side)); };
  const Area area{down(box[0]), down(box[1]), up(box[2]), up(box[3])};
  fill(image, {area.left, area.upper, area.right, std::min(area.upper + line, area.lower)}, colour);
  fill(image, {area.left, std::max(area.lower - line, area.upper), area.right, area.lower}, colour);
  fill(image, {area.left, area.upper, std::min(area.left + line, area.right), area.lower}, colour);
  fill(image, {std::max(area.right - line, area.left), area.upper, area.right, area.lower}, colour);
}

void blend(Image& image, const std::vector<uint8_t>& mask, const Colour& colour) {
  for (size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] == 0) continue;
    for (size_t c = 0; c < 3; ++c) {
      uint8_t& value = image.pixels[3 * i + c];
      value = static_cast<uint8_t>(std::nearbyint((value + colour[c]) * 0.5));
    }
  }
}

// Large ones first, so that small ones are drawn over them. They are made twice, as all together
// may take much memory.
void blend_masks(const groupnet_model* model, const groupnet_objects* objects, Image& image) {
  const Size size{image.height, image.width};
  std::vector<std::pair<int64_t, int64_t>> order;  // of areas, and numbers
  for (int64_t i = 0; i < groupnet_num_objects(objects); ++i) {
    const std::vector<uint8_t> mask = mask_of(objects, i, size);
    order.emplace_back(std::count(mask.begin(), mask.end(), 1), i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [area, number] : order) {
    const int32_t label = groupnet_get_object(objects, number)->label;
    blend(image, mask_of(objects, number, size), colour_of(label, groupnet_num_classes(model)));
  }
}

}  // namespace

bool is_picture(const std::string& path) {
  return ends_with(path, ".ppm") || (kReadsPng && ends_with(path, ".png"));
}

void write_picture(const std::string& path, const Image& image) {
  if (ends_with(path, ".png")) {
    write_png(path, image);
  } else {
    write_rgb(path, image);
  }
}

void draw_objects(const groupnet_model* model, const groupnet_objects* objects, Image& image) {
  if (groupnet_has_masks(objects) != 0) blend_masks(model, objects, image);
  for (int64_t i = groupnet_num_objects(objects) - 1; i >= 0; --i) {
    const groupnet_object* object = groupnet_get_object(objects, i);
    draw_box(image, object->box, colour_of(object->label, groupnet_num_classes(model)));
  }
}

}  // namespace groupnet_tool
