#include "capi/preprocessing.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "capi/resize.h"
#include "core/error.h"

namespace groupnet {

namespace {

constexpr const char* kKind = "classification";
constexpr int kChannels = 3;
constexpr int64_t kMaxSide = 16384;
constexpr int64_t kMaxResized = int64_t{1} << 28;  // pixels, before the square is cut out
constexpr int64_t kMaxImageSide = int64_t{1} << 20;

// Where a part of `size` at the centre begins: the half of what remains, rounded to even.
int64_t centered(int64_t whole, int64_t size) {
  const int64_t rest = whole - size, half = rest / 2;
  return half + (rest % 2 != 0 && half % 2 != 0 ? 1 : 0);
}

}  // namespace

Preprocessing Preprocessing::from_info(const Json& info) {
  const std::string what = "info.preprocessing";
  const Json& json = info.at("preprocessing", "info");
  const std::string& kind = json.at("kind", what).as_string(what + ".kind");
  require(kind == kKind, what + ".kind is '" + kind + "'; valid: '" + kKind + "'");
  require(json.as_object(what).size() == 4,
          what + " has other members than kind, resize, crop, format");
  Preprocessing made;
  made.resize_ = json.at("resize", what).as_integer(what + ".resize");
  made.crop_ = json.at("crop", what).as_integer(what + ".crop");
  require(1 <= made.crop_ && made.crop_ <= made.resize_ && made.resize_ <= kMaxSide,
          what + " has crop " + std::to_string(made.crop_) + " and resize " +
              std::to_string(made.resize_) + "; valid: 1 <= crop <= resize <= 16384");
  const std::string& format = json.at("format", what).as_string(what + ".format");
  require(format == "RGB" || format == "BGR",
          what + ".format is '" + format + "'; valid: 'RGB', 'BGR'");
  made.reversed_ = format == "BGR";
  return made;
}

void Preprocessing::check(const RgbImage& image) const {
  const auto [least, most] = std::minmax(image.height, image.width);
  const std::string size = std::to_string(image.width) + " x " + std::to_string(image.height);
  require(least > 0, "the image has the size " + size + "; it holds no pixel");
  require(most <= kMaxImageSide, "the image of " + size + " pixels is too large");
  require(resize_ * resize_ * most <= kMaxResized * least,
          "the image of " + size + " pixels is too narrow to be resized");
}

std::vector<uint8_t> Preprocessing::prepare(const RgbImage& image) const {
  check(image);
  const auto [least, most] = std::minmax(image.height, image.width);
  const auto longer =
      static_cast<int64_t>(static_cast<double>(resize_ * most) / static_cast<double>(least));
  const bool upright = image.width <= image.height;
  const int64_t height = upright ? longer : resize_, width = upright ? resize_ : longer;
  const AxisPart rows{image.height, height, centered(height, crop_), crop_};
  const AxisPart columns{image.width, width, centered(width, crop_), crop_};
  std::vector<uint8_t> pixels = resize_part(image.pixels, kChannels, rows, columns);
  if (reversed_) {
    for (size_t i = 0; i < pixels.size(); i += kChannels) std::swap(pixels[i], pixels[i + 2]);
  }
  return pixels;
}

}  // namespace groupnet
