#include "cli/images/orientation.h"

#include <cstring>
#include <utility>

namespace groupnet_tool {

namespace {

constexpr int kUpright = 1, kMost = 8, kFirstTurned = 5;  // orientations
constexpr uint32_t kOrientation = 0x0112;
constexpr uint32_t kShort = 3, kLong = 4;  // types
constexpr size_t kHeader = 8, kEntry = 12;

// Numbers of a TIFF file; 0 beyond its end.
class Tiff {
 public:
  Tiff(const uint8_t* data, size_t size) : data_(data), size_(size) {
    is_valid_ = size >= kHeader &&
                (std::memcmp(data, "II*\0", 4) == 0 || std::memcmp(data, "MM\0*", 4) == 0);
    is_big_ = is_valid_ && data[0] == 'M';
  }

  bool is_valid() const { return is_valid_; }
  bool holds(size_t at, size_t bytes) const { return at <= size_ && bytes <= size_ - at; }

  uint32_t number(size_t at, size_t bytes) const {
    if (!holds(at, bytes)) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; ++i) {
      value = value << 8 | data_[at + (is_big_ ? i : bytes - 1 - i)];
    }
    return value;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  bool is_valid_ = false, is_big_ = false;
};

struct Place {
  int64_t y, x;
};

// Where pixel (y, x) of the upright image is in the one of (height, width).
Place source(int orientation, int64_t y, int64_t x, int64_t height, int64_t width) {
  switch (orientation) {
    case 2: return {y, width - 1 - x};
    case 3: return {height - 1 - y, width - 1 - x};
    case 4: return {height - 1 - y, x};
    case 5: return {x, y};
    case 6: return {height - 1 - x, y};
    case 7: return {height - 1 - x, width - 1 - y};
    default: return {x, width - 1 - y};
  }
}

}  // namespace

int exif_orientation(const uint8_t* data, size_t size) {
  const Tiff tiff(data, size);
  if (!tiff.is_valid()) return kUpright;
  const size_t first = tiff.number(4, 4), count = tiff.number(first, 2);
  for (size_t i = 0; i < count; ++i) {
    const size_t entry = first + 2 + i * kEntry;
    if (!tiff.holds(entry, kEntry)) break;
    if (tiff.number(entry, 2) != kOrientation) continue;
    const uint32_t type = tiff.number(entry + 2, 2);
    if ((type != kShort && type != kLong) || tiff.number(entry + 4, 4) != 1) break;
    const uint32_t value = tiff.number(entry + 8, type == kShort ? 2 : 4);
    return 1 <= value && value <= 8 ? static_cast<int>(value) : kUpright;
  }
  return kUpright;
}

Image upright(Image image, int orientation) {
  if (orientation <= kUpright || orientation > kMost) return image;
  Image turned = image;
  if (orientation >= kFirstTurned) std::swap(turned.height, turned.width);
  uint8_t* to = turned.pixels.data();
  for (int64_t y = 0; y < turned.height; ++y) {
    for (int64_t x = 0; x < turned.width; ++x, to += 3) {
      const Place from = source(orientation, y, x, image.height, image.width);
      std::memcpy(to, image.pixels.data() + (from.y * image.width + from.x) * 3, 3);
    }
  }
  return turned;
}

}  // namespace groupnet_tool
