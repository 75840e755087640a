// Bilinear resizing of unsigned bytes with the bits of Pillow's `Image.resize`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace groupnet {

// Part of a resized axis: outputs [begin, begin + count) of `resized`.
struct AxisPart {
  explicit AxisPart() = default;  // members are set by name

  int64_t input = 0, resized = 0, begin = 0, count = 0;
};

// The weights of one axis. Each output is a weighted mean of the inputs around its place, which get
// less with the distance and reach 0 at one output pixel, or one input pixel where those are
// larger. Weights are computed in float64, divided by their sum, and rounded to multiples of 2^-22.
class AxisWeights {
 public:
  explicit AxisWeights(const AxisPart& part);

  struct Taps {
    int64_t first = 0;  // input
    int count = 0;
    const int32_t* weights = nullptr;
  };
  Taps at(int64_t output) const;
  int64_t first_input() const { return at(0).first; }
  int64_t end_input() const;

 private:
  struct Entry {
    int64_t first;
    int count;
    size_t start;
  };
  std::vector<Entry> entries_;
  std::vector<int32_t> weights_;
};

// Resizes an image (rows.input, columns.input) of `channels` bytes a pixel, and returns the part
// (rows.count, columns.count) of it. First along rows, then along columns, rounded to bytes each.
std::vector<uint8_t> resize_part(const uint8_t* image, int channels, const AxisPart& rows,
                                 const AxisPart& columns);

}  // namespace groupnet
