#include "capi/images/preprocessing.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "capi/images/resize.h"
#include "core/message.h"

namespace groupnet {

namespace {

constexpr int kChannels = 3;
constexpr int64_t kMaxSide = 16384;
constexpr int64_t kMaxPixels = int64_t{1} << 28;  // of a prepared image
constexpr int64_t kMaxImageSide = int64_t{1} << 20;

std::string text_of(int64_t height, int64_t width) {
  return std::to_string(width) + " x " + std::to_string(height);
}

[[noreturn]] void refuse(const RgbImage& image, const std::string& reason) {
  throw Error("the image of " + text_of(image.height, image.width) + " pixels " + reason);
}

void check_members(const Json& json, const std::string& what, size_t count, const char* names) {
  require(json.as_object(what).size() == count, what + " has other members than " + names);
}

// Where a part of `size` at the centre begins: the half of what remains, rounded to even.
int64_t centered(int64_t whole, int64_t size) {
  const int64_t rest = whole - size, half = rest / 2;
  return half + (rest % 2 != 0 && half % 2 != 0 ? 1 : 0);
}

// For classifiers: the shorter side becomes `resize` pixels, and a square of `crop` is cut out.
class CenterCrop : public Preprocessing {
 public:
  CenterCrop(const Json& json, const std::string& what) : Preprocessing(json, what) {
    check_members(json, what, 4, "kind, resize, crop, format");
    resize_ = json.at("resize", what).as_integer(what + ".resize");
    crop_ = json.at("crop", what).as_integer(what + ".crop");
    require(1 <= crop_ && crop_ <= resize_ && resize_ <= kMaxSide,
            what + " has crop " + std::to_string(crop_) + " and resize " + std::to_string(resize_) +
                "; valid: 1 <= crop <= resize <= 16384");
  }

  bool keeps_whole() const override { return false; }

 protected:
  Plan plan(const RgbImage& image) const override {
    const auto [least, most] = std::minmax(image.height, image.width);
    if (resize_ * resize_ * most > kMaxPixels * least) {
      refuse(image, "is too narrow to be resized");
    }
    const auto longer =
        static_cast<int64_t>(static_cast<double>(resize_ * most) / static_cast<double>(least));
    const bool upright = image.width <= image.height;
    return {upright ? PixelSize{longer, resize_} : PixelSize{resize_, longer}, {crop_, crop_}};
  }

 private:
  int64_t resize_ = 0, crop_ = 0;
};

// For segmenters and detectors: the shorter side becomes `min_size` pixels, or less where the
// longer one would exceed `max_size`; 0 leaves the image as it is, or sets no limit.
class ShortestEdge : public Preprocessing {
 public:
  ShortestEdge(const Json& json, const std::string& what) : Preprocessing(json, what) {
    check_members(json, what, 4, "kind, min_size, max_size, format");
    const int64_t least = json.at("min_size", what).as_integer(what + ".min_size");
    const int64_t most = json.at("max_size", what).as_integer(what + ".max_size");
    require(std::min(least, most) >= 0, what + " has min_size or max_size below 0");
    min_size_ = static_cast<double>(least);
    max_size_ = static_cast<double>(most);
  }

  bool keeps_whole() const override { return true; }

 protected:
  Plan plan(const RgbImage& image) const override {
    // As Python does it, operation by operation, in float64.
    auto height = static_cast<double>(image.height), width = static_cast<double>(image.width);
    if (min_size_ > 0) {
      const double scale = min_size_ / std::min(height, width);
      const bool limited = max_size_ > 0 && scale * std::max(height, width) > max_size_;
      height = scale * height;
      width = scale * width;
      if (limited) {
        const double less = max_size_ / std::max(height, width);
        height = height * less;
        width = width * less;
      }
      height = std::max(1.0, std::floor(height + 0.5));
      width = std::max(1.0, std::floor(width + 0.5));
    }
    if (height * width > static_cast<double>(kMaxPixels)) {
      refuse(image, min_size_ > 0 ? "would have more than 2^28 pixels once it is resized"
                                  : "has more than 2^28 pixels; make it smaller");
    }
    const PixelSize size{static_cast<int64_t>(height), static_cast<int64_t>(width)};
    return {size, size};
  }

 private:
  double min_size_ = 0, max_size_ = 0;
};

template <class Kind>
std::unique_ptr<Preprocessing> make(const Json& json, const std::string& what) {
  return std::make_unique<Kind>(json, what);
}

using Make = std::unique_ptr<Preprocessing> (*)(const Json&, const std::string&);
const std::map<std::string, Make> kKinds = {{"classification", make<CenterCrop>},
                                            {"shortest_edge", make<ShortestEdge>}};

}  // namespace

std::unique_ptr<Preprocessing> Preprocessing::from_info(const Json& info) {
  const std::string what = "info.preprocessing";
  const Json& json = info.at("preprocessing", "info");
  const std::string& kind = json.at("kind", what).as_string(what + ".kind");
  const auto found = kKinds.find(kind);
  require(found != kKinds.end(),
          what + ".kind is " + quoted(kind) + "; valid: 'classification', 'shortest_edge'");
  return found->second(json, what);
}

Preprocessing::Preprocessing(const Json& json, const std::string& what) {
  const std::string& format = json.at("format", what).as_string(what + ".format");
  require(format == "RGB" || format == "BGR",
          what + ".format is " + quoted(format) + "; valid: 'RGB', 'BGR'");
  reversed_ = format == "BGR";
}

Preprocessing::Plan Preprocessing::checked_plan(const RgbImage& image) const {
  const auto [least, most] = std::minmax(image.height, image.width);
  const std::string size = text_of(image.height, image.width);
  require(least > 0, "the image has the size " + size + "; it holds no pixel");
  require(most <= kMaxImageSide, "the image of " + size + " pixels is too large");
  return plan(image);
}

std::vector<uint8_t> Preprocessing::prepare(const RgbImage& image) const {
  const auto [resized, taken] = checked_plan(image);
  AxisPart rows, columns;
  rows.input = image.height;
  rows.resized = resized.height;
  rows.begin = centered(resized.height, taken.height);
  rows.count = taken.height;
  columns.input = image.width;
  columns.resized = resized.width;
  columns.begin = centered(resized.width, taken.width);
  columns.count = taken.width;
  std::vector<uint8_t> pixels = resize_part(image.pixels, kChannels, rows, columns);
  if (reversed_) {
    for (size_t i = 0; i < pixels.size(); i += kChannels) std::swap(pixels[i], pixels[i + 2]);
  }
  return pixels;
}

}  // namespace groupnet
