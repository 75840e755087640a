// From an RGB image to the bytes that a network takes:
// groupnet_det/runtime/preprocessing/center_crop.py and shortest_edge.py in C++.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/format/json/json.h"

namespace groupnet {

struct RgbImage {
  const uint8_t* pixels = nullptr;  // (height, width, 3)
  int64_t height = 0, width = 0;
};

struct PixelSize {
  int64_t height = 0, width = 0;
};

class Preprocessing {
 public:
  // The preprocessing of a packed file's "info". Throws Error where it is missing, or of an unknown
  // kind.
  static std::unique_ptr<Preprocessing> from_info(const Json& info);
  virtual ~Preprocessing() = default;

  // Whether no part of an image is cut off.
  virtual bool keeps_whole() const = 0;
  // The image's size when it is prepared. Throws Error where it cannot be used.
  PixelSize size_of(const RgbImage& image) const { return checked_plan(image).taken; }
  // Bytes (height, width, 3) of that size, channels in the network's order. Throws the same.
  std::vector<uint8_t> prepare(const RgbImage& image) const;

 protected:
  Preprocessing(const Json& json, const std::string& what);

  // The size that an image is resized to, and the part of that, at the centre, which is taken.
  struct Plan {
    PixelSize resized, taken;
  };
  // The plan for an image that has pixels. Throws Error where it cannot be used.
  virtual Plan plan(const RgbImage& image) const = 0;

 private:
  Plan checked_plan(const RgbImage& image) const;

  bool reversed_ = false;  // BGR
};

}  // namespace groupnet
