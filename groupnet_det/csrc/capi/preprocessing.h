// From an RGB image to the bytes that a network takes: groupnet_det/runtime/preprocessing.py in
// C++.
#pragma once

#include <cstdint>
#include <vector>

#include "core/json.h"

namespace groupnet {

struct RgbImage {
  const uint8_t* pixels = nullptr;  // (height, width, 3)
  int64_t height = 0, width = 0;
};

class Preprocessing {
 public:
  // That of a packed file's "info". Throws Error where it is absent, or of a kind that is not
  // known.
  static Preprocessing from_info(const Json& info);

  int64_t height() const { return crop_; }
  int64_t width() const { return crop_; }

  // Bytes (height(), width(), 3). Throws Error where the image cannot be used.
  std::vector<uint8_t> prepare(const RgbImage& image) const;
  // Throws Error where prepare would.
  void check(const RgbImage& image) const;

 private:
  int64_t resize_ = 0, crop_ = 0;
  bool reversed_ = false;  // BGR
};

}  // namespace groupnet
