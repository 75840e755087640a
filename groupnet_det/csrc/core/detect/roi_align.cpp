#include "core/detect/roi_align.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace groupnet {

namespace {

constexpr int kMostSamples = 4096;  // along an axis of a bin

// What one bin takes of the pixels along an axis.
struct Taps {
  std::vector<int> index;
  std::vector<float> weight;

  void add(int pixel, float share) {
    if (share == 0) return;
    // Samples come in rising order, and each has two pixels: the last two are those to look at.
    for (size_t i = index.size(); i > 0 && i + 2 > index.size(); --i) {
      if (index[i - 1] == pixel) {
        weight[i - 1] += share;
        return;
      }
    }
    index.push_back(pixel);
    weight.push_back(share);
  }
};

struct Axis {
  float first;  // side of the box, in pixels of the map
  float bin;    // size of a bin
  int samples;
};

Axis axis_of(float low, float high, int bins, const RoiAlign& regions, float scale) {
  const float offset = regions.aligned ? 0.5f : 0.0f;
  Axis axis;
  axis.first = low * scale - offset;
  float length = high * scale - offset - axis.first;
  if (!regions.aligned) length = std::max(length, 1.0f);
  axis.bin = length / static_cast<float>(bins);
  const float wanted = std::ceil(axis.bin);
  axis.samples = regions.sampling_ratio > 0 ? regions.sampling_ratio
                 : wanted >= 1 ? static_cast<int>(std::min<float>(wanted, kMostSamples))
                               : 0;
  return axis;
}

// The mean of the samples of bin `number`; samples more than a pixel outside count as 0.
void find_taps(const Axis& axis, int number, int size, Taps& taps) {
  taps.index.clear();
  taps.weight.clear();
  const float share = 1.0f / static_cast<float>(std::max(axis.samples, 1));
  const float start = axis.first + static_cast<float>(number) * axis.bin;
  for (int i = 0; i < axis.samples; ++i) {
    float at = start + (static_cast<float>(i) + 0.5f) * axis.bin / static_cast<float>(axis.samples);
    if (!(at >= -1.0f && at <= static_cast<float>(size))) continue;
    at = std::max(at, 0.0f);
    const int low = std::min(static_cast<int>(at), size - 1);
    const float rest = low == size - 1 ? 0.0f : at - static_cast<float>(low);
    taps.add(low, share * (1.0f - rest));
    taps.add(std::min(low + 1, size - 1), share * rest);
  }
}

class Aligner {
 public:
  Aligner(const RoiAlign& regions, const KernelTable& kernels)
      : regions_(regions),
        kernels_(kernels),
        rows_(static_cast<size_t>(regions.rows)),
        columns_(static_cast<size_t>(regions.columns)) {}

  void align(int64_t number, float* out) {
    const AlignLevel& level = regions_.levels[static_cast<size_t>(regions_.level_of[number])];
    const float* box = regions_.boxes + 4 * number;
    const int64_t size = int64_t{regions_.rows} * regions_.columns * regions_.channels;
    float* to = out + number * size;
    if (!(std::isfinite(box[0]) && std::isfinite(box[1]) && std::isfinite(box[2]) &&
          std::isfinite(box[3]))) {
      std::fill(to, to + size, std::nanf(""));
      return;
    }
    const Axis down = axis_of(box[1], box[3], regions_.rows, regions_, level.scale);
    const Axis across = axis_of(box[0], box[2], regions_.columns, regions_, level.scale);
    for (int y = 0; y < regions_.rows; ++y) find_taps(down, y, level.height, rows_[y]);
    for (int x = 0; x < regions_.columns; ++x) find_taps(across, x, level.width, columns_[x]);
    for (const Taps& row : rows_) {
      for (const Taps& column : columns_) {
        combine(level, row, column, to);
        to += regions_.channels;
      }
    }
  }

 private:
  void combine(const AlignLevel& level, const Taps& row, const Taps& column, float* to) {
    offsets_.clear();
    weights_.clear();
    for (size_t i = 0; i < row.index.size(); ++i) {
      for (size_t j = 0; j < column.index.size(); ++j) {
        const int64_t pixel = int64_t{row.index[i]} * level.width + column.index[j];
        offsets_.push_back(pixel * regions_.channels);
        weights_.push_back(row.weight[i] * column.weight[j]);
      }
    }
    WeightedSumArgs args;
    args.values = level.map;
    args.offsets = offsets_.data();
    args.weights = weights_.data();
    args.count = static_cast<int>(offsets_.size());
    args.channels = regions_.channels;
    args.out = to;
    kernels_.weighted_sum(args);
  }

  const RoiAlign& regions_;
  const KernelTable& kernels_;
  std::vector<Taps> rows_, columns_;
  std::vector<int64_t> offsets_;
  std::vector<float> weights_;
};

}  // namespace

void roi_align(const RoiAlign& regions, const KernelTable& kernels, ThreadPool& pool, int threads,
               float* out) {
  std::atomic<int64_t> next{0};
  pool.run(threads, [&](int, int) {
    Aligner aligner(regions, kernels);
    for (int64_t number; (number = next.fetch_add(1)) < regions.num_boxes;) {
      aligner.align(number, out);
    }
  });
}

}  // namespace groupnet
