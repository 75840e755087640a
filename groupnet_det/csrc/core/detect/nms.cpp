#include "core/detect/nms.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>

namespace groupnet {

namespace {

// Boxes side by side, so that compilers make vectors of the loop over them.
struct Columns {
  std::vector<float> left, upper, right, lower, area;

  explicit Columns(size_t count)
      : left(count), upper(count), right(count), lower(count), area(count) {}

  void set(size_t i, const float* box) {
    left[i] = box[0];
    upper[i] = box[1];
    right[i] = box[2];
    lower[i] = box[3];
    area[i] = (box[2] - box[0]) * (box[3] - box[1]);
  }
};

// Mark those of [i + 1, end) that overlap with box i.
void mark(const Columns& boxes, size_t i, size_t end, float most, uint8_t* gone) {
  const float *left = boxes.left.data(), *upper = boxes.upper.data(), *right = boxes.right.data(),
              *lower = boxes.lower.data(), *area = boxes.area.data();
  const float l = left[i], u = upper[i], r = right[i], b = lower[i], a = area[i];
  for (size_t j = i + 1; j < end; ++j) {
    const float width = std::max(0.0f, std::min(r, right[j]) - std::max(l, left[j]));
    const float height = std::max(0.0f, std::min(b, lower[j]) - std::max(u, upper[j]));
    const float common = width * height;
    gone[j] = static_cast<uint8_t>(gone[j] | (common / (a + area[j] - common) > most ? 1 : 0));
  }
}

// The greatest float32 that is not above: what is greater than one is greater than the other.
float rounded_down(double value) {
  const auto rounded = static_cast<float>(value);
  if (static_cast<double>(rounded) <= value) return rounded;
  return std::nextafter(rounded, -std::numeric_limits<float>::infinity());
}

}  // namespace

std::vector<int64_t> nms(const Candidates& candidates, double threshold, ThreadPool& pool,
                         int threads) {
  const auto count = static_cast<size_t>(candidates.count);
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
    const int64_t first = candidates.classes[i], second = candidates.classes[j];
    return first != second ? first < second : candidates.scores[i] > candidates.scores[j];
  });
  Columns boxes(count);
  std::vector<size_t> starts;  // of classes
  for (size_t i = 0; i < count; ++i) {
    boxes.set(i, candidates.boxes + 4 * order[i]);
    if (i == 0 || candidates.classes[order[i]] != candidates.classes[order[i - 1]]) {
      starts.push_back(i);
    }
  }
  starts.push_back(count);
  const float most = rounded_down(threshold);
  std::vector<uint8_t> gone(count);
  std::atomic<size_t> next{0};
  pool.run(std::max(1, threads), [&](int, int) {
    for (size_t c; (c = next.fetch_add(1)) + 1 < starts.size();) {
      for (size_t i = starts[c]; i < starts[c + 1]; ++i) {
        if (gone[i] == 0) mark(boxes, i, starts[c + 1], most, gone.data());
      }
    }
  });
  std::vector<int64_t> kept;
  for (size_t i = 0; i < count; ++i) {
    if (gone[i] == 0) kept.push_back(order[i]);
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

}  // namespace groupnet
