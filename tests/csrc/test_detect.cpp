// From raw outputs towards answers, against plain loops: sizes at the edges of blocks and threads.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "core/detect/label_map.h"
#include "core/detect/nms.h"
#include "core/detect/score_threshold.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

std::vector<float> noise(size_t count, std::mt19937& random) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 201) - 100);
  return values;
}

void test_above_threshold(ThreadPool& pool, std::mt19937& random) {
  for (size_t count : {0, 1, 31, 32, 33, 32767, 32768, 32769, 70001}) {
    const std::vector<float> values = noise(count, random);
    for (float bound : {-101.0f, 0.0f, 90.0f, 100.0f}) {
      std::vector<int64_t> index;
      for (size_t i = 0; i < count; ++i) {
        if (values[i] > bound) index.push_back(static_cast<int64_t>(i));
      }
      const int threads = static_cast<int>(random() % 4) + 1;
      const Found found =
          above_threshold(values.data(), static_cast<int64_t>(count), bound, pool, threads);
      bool same = found.index == index && found.values.size() == index.size();
      for (size_t i = 0; same && i < index.size(); ++i) {
        same = found.values[i] == values[static_cast<size_t>(index[i])];
      }
      check(same, "numbers above " + std::to_string(bound) + " of " + std::to_string(count));
    }
  }
}

// Of a map of one channel that is above 0 to the left and of another to the right.
void test_label_map(ThreadPool& pool, std::mt19937& random) {
  for (int round = 0; round < 50; ++round) {
    const auto side = [&] { return static_cast<int64_t>(random() % 9 + 1); };
    const int channels = static_cast<int>(random() % 20) + 2;
    LabelMap map;
    map.channels = channels;
    map.height = side();
    map.width = side();
    map.out_height = round % 2 == 0 ? map.height : side();
    map.out_width = round % 2 == 0 ? map.width : side();
    const auto size = static_cast<size_t>(map.height * map.width * channels);
    const std::vector<float> logits = noise(size, random);
    map.logits = {logits.data(), 0, map.width * channels, channels};
    std::vector<int32_t> labels(static_cast<size_t>(map.out_height * map.out_width), -1);
    label_map(map, pool, static_cast<int>(random() % 4) + 1, labels.data());
    bool right = true;
    for (int64_t i = 0; i < map.out_height * map.out_width; ++i) {
      right = right && 0 <= labels[i] && labels[i] < channels;
      if (round % 2 != 0) continue;
      const float* pixel = logits.data() + i * channels;
      right = right && std::max_element(pixel, pixel + channels) - pixel == labels[i];
    }
    check(right, "label map of round " + std::to_string(round));
  }
}

// Boxes of one class in a row, each moved by a half of its width.
void test_nms(ThreadPool& pool) {
  const int64_t count = 100;
  std::vector<float> boxes, scores;
  std::vector<int64_t> classes;
  for (int64_t i = 0; i < count; ++i) {
    const auto left = static_cast<float>(i);
    boxes.insert(boxes.end(), {left, 0, left + 2, 1});
    scores.push_back(static_cast<float>(count - i));
    classes.push_back(i % 10 == 9 ? 7 : 3);
  }
  Candidates candidates;
  candidates.boxes = boxes.data();
  candidates.scores = scores.data();
  candidates.classes = classes.data();
  candidates.count = count;
  for (int threads = 1; threads < 4; ++threads) {
    const auto kept = nms(candidates, 0.3, pool, threads);
    std::vector<int64_t> expected;
    for (int64_t i = 0; i < count; ++i) {
      // Every other one of nine; the tenth, of a class of its own, parts the row.
      if (i % 10 == 9 || i % 10 % 2 == 0) expected.push_back(i);
    }
    check(kept == expected, "boxes that remain, by " + std::to_string(threads) + " threads");
  }
  check(nms(Candidates(), 0.5, pool, 2).empty(), "no boxes");
}

}  // namespace

void test_detect() {
  std::mt19937 random(1);
  ThreadPool pool;
  test_above_threshold(pool, random);
  test_label_map(pool, random);
  test_nms(pool);
}

}  // namespace groupnet_test
