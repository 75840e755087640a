#include "capi/images/resize.h"

#include <algorithm>
#include <cmath>

namespace groupnet {

namespace {

constexpr int kFractionBits = 22;
constexpr int32_t kHalf = 1 << (kFractionBits - 1);

uint8_t to_byte(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

// Weighted sum of pixels that are `step` bytes apart.
void mix(const uint8_t* from, int64_t step, const AxisWeights::Taps& taps, int channels,
         uint8_t* to) {
  for (int c = 0; c < channels; ++c) {
    int32_t sum = kHalf;
    for (int i = 0; i < taps.count; ++i) sum += taps.weights[i] * from[i * step + c];
    to[c] = to_byte(sum);
  }
}

// One row of sums from several: bytes side by side, so that compilers make vectors of it.
void mix_rows(const uint8_t* from, int64_t row, const AxisWeights::Taps& taps,
              std::vector<int32_t>& sums, uint8_t* to) {
  std::fill(sums.begin(), sums.end(), kHalf);
  for (int i = 0; i < taps.count; ++i) {
    const int32_t weight = taps.weights[i];
    for (int64_t x = 0; x < row; ++x) sums[x] += weight * from[i * row + x];
  }
  for (int64_t x = 0; x < row; ++x) to[x] = to_byte(sums[x]);
}

}  // namespace

AxisWeights::AxisWeights(const AxisPart& part) {
  const double scale = static_cast<double>(part.input) / static_cast<double>(part.resized);
  const double reach = std::max(scale, 1.0);  // of the weights, in input pixels
  const double narrowing = 1.0 / reach;
  std::vector<double> shares;
  for (int64_t output = part.begin; output < part.begin + part.count; ++output) {
    const double center = (static_cast<double>(output) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(center - reach + 0.5));
    const int64_t end = std::min(part.input, static_cast<int64_t>(center + reach + 0.5));
    shares.clear();
    double sum = 0;
    for (int64_t x = 0; x < end - first; ++x) {
      // In this order of operations, or the last bit of a weight may differ.
      const double place = (static_cast<double>(x + first) - center + 0.5) * narrowing;
      shares.push_back(std::max(0.0, 1.0 - std::fabs(place)));
      sum += shares.back();
    }
    entries_.push_back({first, static_cast<int>(shares.size()), weights_.size()});
    for (double share : shares) {
      if (sum != 0) share /= sum;
      weights_.push_back(static_cast<int32_t>(share * (1 << kFractionBits) + 0.5));
    }
  }
}

AxisWeights::Taps AxisWeights::at(int64_t output) const {
  const Entry& entry = entries_[static_cast<size_t>(output)];
  return {entry.first, entry.count, weights_.data() + entry.start};
}

int64_t AxisWeights::end_input() const {
  return entries_.back().first + entries_.back().count;  // ends never fall
}

std::vector<uint8_t> resize_part(const uint8_t* image, int channels, const AxisPart& rows,
                                 const AxisPart& columns) {
  const AxisWeights vertical(rows), horizontal(columns);
  const int64_t first = vertical.first_input(), row = columns.count * channels;
  std::vector<uint8_t> narrow(static_cast<size_t>((vertical.end_input() - first) * row));
  uint8_t* to = narrow.data();
  for (int64_t y = first; y < vertical.end_input(); ++y) {
    const uint8_t* from = image + y * columns.input * channels;
    for (int64_t x = 0; x < columns.count; ++x, to += channels) {
      const auto taps = horizontal.at(x);
      mix(from + taps.first * channels, channels, taps, channels, to);
    }
  }
  std::vector<uint8_t> resized(static_cast<size_t>(rows.count * row));
  std::vector<int32_t> sums(static_cast<size_t>(row));
  for (int64_t y = 0; y < rows.count; ++y) {
    const auto taps = vertical.at(y);
    mix_rows(narrow.data() + (taps.first - first) * row, row, taps, sums, resized.data() + y * row);
  }
  return resized;
}

}  // namespace groupnet
