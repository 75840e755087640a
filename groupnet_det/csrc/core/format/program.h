// What a packed file computes: the structs after docs/reference/packed-format.md, names resolved to
// tensors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/format/packed_file.h"
#include "core/format/step.h"

namespace groupnet {

enum class BufferKind { kBits, kFloat, kBytes };

struct BufferSpec {
  BufferKind kind = BufferKind::kFloat;
  int channels = 0;
  float pad = 0;
};

enum class Act { kNone, kRelu, kPrelu };

// Values of each channel, shared by all that name their tensor; empty where absent.
class Channels {
 public:
  Channels() = default;
  explicit Channels(std::vector<float> values)
      : values_(std::make_shared<const std::vector<float>>(std::move(values))) {}

  bool empty() const { return values_ == nullptr; }
  const float* begin() const { return empty() ? nullptr : values_->data(); }
  const float* end() const { return empty() ? nullptr : values_->data() + values_->size(); }
  float operator[](size_t i) const { return (*values_)[i]; }

 private:
  std::shared_ptr<const std::vector<float>> values_;
};

struct MapSpec {
  Channels scale1, shift1, slope, scale2, shift2;
  Act act = Act::kNone;

  bool is_identity() const {
    return scale1.empty() && shift1.empty() && act == Act::kNone && scale2.empty() &&
           shift2.empty();
  }
};

struct BitsSinkSpec {
  int buffer = -1;
  Channels threshold;
  std::vector<uint8_t> invert;
};

struct LevelsSinkSpec {
  int buffer = -1;
  int num_thresholds = 0;
  Channels thresholds, values;  // (L, C), (L + 1, C)
};

struct BytesSinkSpec {
  int buffer = -1;
  float scale = 1;
  int zero = 0;
};

struct SinksSpec {
  int float_buffer = -1;
  std::vector<BitsSinkSpec> bits;
  std::vector<LevelsSinkSpec> levels;
  std::vector<BytesSinkSpec> bytes;

  std::vector<int> buffers() const;
};

struct Window {
  explicit Window() = default;  // members are set by name

  int kernel_height = 1, kernel_width = 1, stride = 1, padding = 0, dilation = 1;

  // Size of the output along an axis; at most 0 where the window does not fit.
  int64_t output(int64_t input, int kernel) const {
    int64_t room = input + 2 * int64_t{padding} - int64_t{dilation} * (kernel - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
  }
};

// The network, or a part of it that is given a map of floats.
struct Program {
  std::string name;  // of a part; else empty
  bool is_part = false;
  int input_channels = 0;
  int size_divisor = 1;
  int num_bases = 0;  // that it runs; 0 where the file does not say
  std::vector<BufferSpec> buffers;
  std::vector<std::unique_ptr<Step>> steps;
  std::vector<std::pair<std::string, int>> outputs;
  std::vector<Program> parts;
};

}  // namespace groupnet
