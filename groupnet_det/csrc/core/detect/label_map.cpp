#include "core/detect/label_map.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "core/memory/memory_limit.h"

namespace groupnet {

namespace {

// Where an output takes its value from, along an axis.
struct Blend {
  int64_t low = 0, high = 0;
  float low_share = 1, high_share = 0;
};

// As PyTorch's `interpolate` without `align_corners`, in float64.
std::vector<Blend> blends(int64_t inputs, int64_t outputs) {
  std::vector<Blend> all(static_cast<size_t>(outputs));
  const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
  for (int64_t i = 0; i < outputs; ++i) {
    const double place = std::max(0.0, (static_cast<double>(i) + 0.5) * scale - 0.5);
    Blend& blend = all[static_cast<size_t>(i)];
    blend.low = std::min(static_cast<int64_t>(place), inputs - 1);
    blend.high = std::min(blend.low + 1, inputs - 1);
    blend.high_share = static_cast<float>(place - static_cast<double>(blend.low));
    blend.low_share = 1.0f - blend.high_share;
  }
  return all;
}

void blend_values(const float* low, const float* high, const Blend& blend, int64_t count,
                  float* to) {
  const float a = blend.low_share, b = blend.high_share;
  for (int64_t i = 0; i < count; ++i) to[i] = low[i] * a + high[i] * b;
}

int32_t greatest(const float* values, int channels) {
  float most = -std::numeric_limits<float>::infinity();
  int32_t label = 0;
  for (int c = 0; c < channels; ++c) {  // without branches, whose outcome nobody could foretell
    const bool more = values[c] > most;
    most = more ? values[c] : most;
    label = more ? c : label;
  }
  return label;
}

// Rows of one thread. Two rows of logits, widened, are kept: neighbours want the same ones.
class Labeler {
 public:
  Labeler(const LabelMap& map, const std::vector<Blend>& down, const std::vector<Blend>& across)
      : map_(map), down_(down), across_(across) {
    if (map_.keeps_size()) return;
    const auto size = static_cast<size_t>(map.out_width * map.channels);
    for (auto* values : {&kept_[0].values, &kept_[1].values, &row_}) values->resize(size);
  }

  void label_row(int64_t y, int32_t* labels) {
    if (map_.keeps_size()) {
      for (int64_t x = 0; x < map_.width; ++x) {
        labels[x] = greatest(map_.logits.at(0, y, x), map_.channels);
      }
      return;
    }
    const Blend& blend = down_[static_cast<size_t>(y)];
    const Widened& low = widened(blend.low, blend.high);
    const Widened& high = widened(blend.high, blend.low);
    const auto count = map_.out_width * map_.channels;
    blend_values(low.values.data(), high.values.data(), blend, count, row_.data());
    for (int64_t x = 0; x < map_.out_width; ++x) {
      labels[x] = greatest(row_.data() + x * map_.channels, map_.channels);
    }
  }

 private:
  struct Widened {
    int64_t row = -1;
    std::vector<float> values;
  };

  // That row of logits, in a place that `other` does not need.
  const Widened& widened(int64_t row, int64_t other) {
    for (const Widened& known : kept_) {
      if (known.row == row) return known;
    }
    Widened& made = kept_[kept_[0].row == other ? 1 : 0];
    made.row = row;
    float* to = made.values.data();
    for (const Blend& blend : across_) {
      blend_values(map_.logits.at(0, row, blend.low), map_.logits.at(0, row, blend.high), blend,
                   map_.channels, to);
      to += map_.channels;
    }
    return made;
  }

  const LabelMap& map_;
  const std::vector<Blend>&down_, &across_;
  Widened kept_[2];
  std::vector<float> row_;
};

}  // namespace

void label_map(const LabelMap& map, ThreadPool& pool, int threads, int32_t* labels) {
  if (!map.keeps_size()) {
    const auto rows = static_cast<size_t>(3 * std::max(1, threads));  // of each Labeler three
    check_memory(static_cast<size_t>(map.channels) * sizeof(float) * rows,
                 static_cast<size_t>(map.out_width));
  }
  const std::vector<Blend> down = blends(map.height, map.out_height);
  const std::vector<Blend> across = blends(map.width, map.out_width);
  std::vector<Labeler> labelers(static_cast<size_t>(std::max(1, threads)),
                                Labeler(map, down, across));
  pool.run(static_cast<int>(labelers.size()), [&](int thread, int active) {
    Labeler& labeler = labelers[static_cast<size_t>(thread)];
    const int64_t first = map.out_height * thread / active;
    const int64_t end = map.out_height * (thread + 1) / active;
    for (int64_t y = first; y < end; ++y) labeler.label_row(y, labels + y * map.out_width);
  });
}

}  // namespace groupnet
