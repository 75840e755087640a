#include "capi/segmentation.h"

#include <algorithm>
#include <string>

#include "core/memory/memory_limit.h"
#include "core/message.h"
#include "core/run/workspace_lease.h"

namespace groupnet {

namespace {

constexpr const char* kKind = "segmentation";
constexpr const char* kLogits = "logits";

// Two numbers above 0.
PixelSize read_pair(const Json& json, const std::string& key, const std::string& what) {
  const auto& numbers = json.at(key, what).as_array(what + "." + key);
  require(numbers.size() == 2, what + "." + key + " has not two numbers");
  const PixelSize pair{numbers[0].as_integer(what), numbers[1].as_integer(what)};
  require(std::min(pair.height, pair.width) > 0, what + "." + key + " must be above 0");
  return pair;
}

// First pixels of windows that cover an axis; the last one is moved inwards to fit.
std::vector<int64_t> starts(int64_t side, int64_t length, int64_t step) {
  const int64_t rest = std::max<int64_t>(0, side - length);
  std::vector<int64_t> all;
  for (int64_t at = 0; at < rest; at += std::min(step, rest)) all.push_back(at);
  all.push_back(rest);
  return all;
}

std::vector<uint8_t> cut(const uint8_t* pixels, int64_t row, int64_t top, int64_t left,
                         const PixelSize& size, int64_t channels) {
  std::vector<uint8_t> part;
  for (int64_t y = top; y < top + size.height; ++y) {
    const uint8_t* from = pixels + (y * row + left) * channels;
    part.insert(part.end(), from, from + size.width * channels);
  }
  return part;
}

}  // namespace

Segmentation::Segmentation(const Json& info, const Program& program) {
  const std::string what = "info.postprocessing";
  const Json& json = info.at("postprocessing", "info");
  const std::string& kind = json.at("kind", what).as_string(what + ".kind");
  require(kind == kKind, what + ".kind is " + quoted(kind) + "; valid: '" + kKind + "'");
  const std::string& inference = json.at("inference", what).as_string(what + ".inference");
  require(inference == "whole" || inference == "slide",
          what + ".inference is " + quoted(inference) + "; valid: 'whole', 'slide'");
  slides_ = inference == "slide";
  if (slides_) {
    window_ = read_pair(json, "window", what);
    stride_ = read_pair(json, "stride", what);
  }
  const auto found = std::find_if(program.outputs.begin(), program.outputs.end(),
                                  [](const auto& output) { return output.first == kLogits; });
  require(found != program.outputs.end(), std::string("it has no output '") + kLogits + "'");
  buffer_ = found->second;
  channels_ = program.buffers[buffer_].channels;
}

std::vector<int32_t> Segmentation::labels(Network& network, const uint8_t* prepared,
                                          const PixelSize& size, const PixelSize& wanted,
                                          int threads) const {
  LabelMap map;
  map.channels = channels_;
  map.height = size.height;
  map.width = size.width;
  map.out_height = wanted.height;
  map.out_width = wanted.width;
  std::vector<int32_t> labels(static_cast<size_t>(wanted.height * wanted.width));
  if (slides_) {
    const std::vector<float> logits = mean_of_windows(network, prepared, size, threads);
    map.logits = {logits.data(), 0, size.width * channels_, channels_};
    network.label_map(map, threads, labels.data());
    return labels;
  }
  WorkspaceLease workspace(network, {1, size.height, size.width});
  network.run(*workspace, prepared, threads);
  const BufferMemory& memory = (*workspace).buffers()[buffer_];
  require(memory.height >= size.height && memory.width >= size.width,
          "the logits are smaller than the image");
  const MapView<float>& logits = memory.floats;
  map.logits = {logits.origin, logits.image_stride, logits.row_stride, logits.pixel_stride};
  network.label_map(map, threads, labels.data());
  return labels;
}

std::vector<float> Segmentation::mean_of_windows(Network& network, const uint8_t* prepared,
                                                 const PixelSize& size, int threads) const {
  const int64_t pixel_bytes = network.program().input_channels;
  const PixelSize part{std::min(window_.height, size.height), std::min(window_.width, size.width)};
  const auto pixels = static_cast<size_t>(size.height * size.width);
  check_memory(pixels, static_cast<size_t>(channels_) * sizeof(float));
  std::vector<float> total(pixels * static_cast<size_t>(channels_)), count(pixels);
  for (int64_t top : starts(size.height, window_.height, stride_.height)) {
    for (int64_t left : starts(size.width, window_.width, stride_.width)) {
      const auto image = cut(prepared, size.width, top, left, part, pixel_bytes);
      WorkspaceLease workspace(network, {1, part.height, part.width});
      network.run(*workspace, image.data(), threads);
      const BufferMemory& memory = (*workspace).buffers()[buffer_];
      require(memory.height >= part.height && memory.width >= part.width,
              "the logits are smaller than the image");
      for (int64_t y = 0; y < part.height; ++y) {
        for (int64_t x = 0; x < part.width; ++x) {
          const float* from = memory.floats.at(0, y, x);
          const int64_t place = (top + y) * size.width + left + x;
          float* to = total.data() + place * channels_;
          for (int c = 0; c < channels_; ++c) to[c] += from[c];
          count[static_cast<size_t>(place)] += 1;
        }
      }
    }
  }
  for (size_t i = 0; i < pixels; ++i) {
    for (int c = 0; c < channels_; ++c) total[i * static_cast<size_t>(channels_) + c] /= count[i];
  }
  return total;
}

}  // namespace groupnet
