#include "broken_interface.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/run/network.h"
#include "include/groupnet.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

constexpr int64_t kMostPixels = 1 << 18;  // of a map that is worth its time here
const std::vector<MapSize> kImages = {{64, 96}, {33, 130}};

// Whether the image that a model makes of one of that size is too large for this test.
bool is_large(const groupnet_model* model, const Network& network, const MapSize& size) {
  int64_t shape[2];
  if (groupnet_prepare(model, nullptr, size.height, size.width, shape, nullptr, nullptr) != 0) {
    return false;
  }
  try {
    return groupnet_test::is_large(network.program(), {1, shape[0], shape[1]});
  } catch (const Error&) {
    return false;
  }
}

void check_message(bool failed, const groupnet_error& error) {
  check(failed == (error.message[0] != '\0'), "an error has a message, and nothing else has one");
}

// What a model says of an image.
class Asking {
 public:
  Asking(const groupnet_model* model, const MapSize& size)
      : model_(model),
        size_(size),
        pixels_(static_cast<size_t>(size.height * size.width)),
        image_(3 * pixels_) {
    for (size_t i = 0; i < image_.size(); ++i) image_[i] = static_cast<uint8_t>(i * i % 251);
  }

  void maps(Answers& answers) {
    groupnet_result* result =
        groupnet_run(model_, image_.data(), size_.height, size_.width, 1, &error_);
    check_message(result == nullptr, error_);
    if (result != nullptr) ++answers.maps;
    groupnet_free(result);
  }

  void labels(Answers& answers) {
    std::vector<int32_t> labels(pixels_);
    const int failed = groupnet_segment(model_, image_.data(), size_.height, size_.width, 1,
                                        labels.data(), &error_);
    check_message(failed != 0, error_);
    if (failed == 0) ++answers.labels;
  }

  void objects(Answers& answers) {
    groupnet_objects* objects =
        groupnet_detect(model_, image_.data(), size_.height, size_.width, 0, 1, &error_);
    check_message(objects == nullptr, error_);
    if (objects == nullptr) return;
    const int64_t count = groupnet_num_objects(objects);
    if (count > 0) ++answers.objects;
    for (int64_t i = 0; i < count; ++i) {
      check(is_inside(*groupnet_get_object(objects, i)), "boxes lie in their images");
    }
    if (groupnet_has_masks(objects) != 0) {
      if (count > 0) ++answers.masks;
      std::vector<uint8_t> mask(pixels_);
      for (int64_t i = 0; i < count; ++i) {
        check(groupnet_get_mask(objects, i, mask.data(), &error_) == 0, "each object has a mask");
      }
    }
    groupnet_free_objects(objects);
  }

  void segments(Answers& answers) {
    std::vector<int32_t> map(pixels_);
    groupnet_segments* segments = groupnet_panoptic(model_, image_.data(), size_.height,
                                                    size_.width, 0, 1, map.data(), &error_);
    check_message(segments == nullptr, error_);
    if (segments == nullptr) return;
    ++answers.segments;
    const int64_t most = groupnet_num_segments(segments);
    check(std::all_of(map.begin(), map.end(), [&](int32_t id) { return 0 <= id && id <= most; }),
          "pixels have the numbers of segments");
    groupnet_free_segments(segments);
  }

 private:
  bool is_inside(const groupnet_object& object) const {
    const float* box = object.box;
    return 0 <= box[0] && box[0] < box[2] && box[2] <= static_cast<float>(size_.width) &&
           0 <= box[1] && box[1] < box[3] && box[3] <= static_cast<float>(size_.height);
  }

  const groupnet_model* model_;
  MapSize size_;
  size_t pixels_;
  Bytes image_;
  groupnet_error error_;
};

}  // namespace

bool is_large(const Program& program, const ImageSize& size) {
  const Shapes shapes = infer_shapes(program, size);
  const auto large = [](const MapSize& map, int64_t border) {
    return (map.height + 2 * border) * (map.width + 2 * border) > kMostPixels;
  };
  return large(shapes.canvas, 0) ||
         std::any_of(shapes.buffers.begin(), shapes.buffers.end(),
                     [&](const BufferShape& shape) { return large(shape, shape.border); });
}

void try_interface(const Bytes& bytes, int bases, Answers& answers) {
  groupnet_error error;
  const std::unique_ptr<groupnet_model, void (*)(groupnet_model*)> model(
      groupnet_open_bytes_with_bases(bytes.data(), bytes.size(), bases, &error), groupnet_close);
  check_message(model == nullptr, error);
  if (model == nullptr) return;
  const Network network(PackedFile::parse(bytes, "mutated"), *available_kernels().front(),
                        std::make_shared<ThreadPool>(), bases);
  for (const MapSize& size : kImages) {
    if (is_large(model.get(), network, size)) continue;
    Asking asking(model.get(), size);
    asking.maps(answers);
    asking.labels(answers);
    asking.objects(answers);
    asking.segments(answers);
  }
}

}  // namespace groupnet_test
