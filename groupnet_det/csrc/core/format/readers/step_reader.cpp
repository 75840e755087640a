#include "core/format/readers/step_reader.h"

#include <cstdlib>
#include <map>

#include "core/error.h"
#include "core/format/readers/tensor_access.h"
#include "core/message.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxFactor = kMaxWindow;

void check_stem_sums(const Tensor& weight, const std::string& where) {
  auto values = copy_values<int16_t>(weight);
  size_t per_channel = values.size() / static_cast<size_t>(weight.shape[0]);
  for (size_t start = 0; start < values.size(); start += per_channel) {
    int64_t sum = 0;
    for (size_t i = start; i < start + per_channel; ++i) sum += std::abs(int{values[i]});
    require(sum * 255 < (int64_t{1} << 31), where + ": sums of its weights may overflow");
  }
}

}  // namespace

StepSpec StepReader::read(const Json& json, const std::string& where) const {
  static const std::map<std::string, Reader> kReaders = {
      {"stem", &StepReader::read_stem},
      {"input", &StepReader::read_input},
      {"conv", &StepReader::read_conv},
      {"mean", &StepReader::read_mean},
      {"resize", &StepReader::read_resize},
      {"interpolate", &StepReader::read_interpolate},
      {"max_pool", &StepReader::read_max_pool},
      {"depth_to_space", &StepReader::read_depth_to_space}};
  const std::string& op = json.at("op", where).as_string(where + ".op");
  auto reader = kReaders.find(op);
  require(reader != kReaders.end(), where + " has the op " + quoted(op) + ", which is unknown");
  StepSpec step;
  step.name = json.at("name", where).as_string(where + ".name");
  (this->*reader->second)(json, where, step);
  return step;
}

void StepReader::read_stem(const Json& json, const std::string& where, StepSpec& step) const {
  step.op = StepSpec::Op::kStem;
  StemSpec& stem = step.stem;
  stem.conv = read_window(json, where);
  require(stem.conv.dilation == 1, where + ": a stem has no dilation");
  stem.weight = part_.read_weight(json, where, "I16", stem.conv);
  require(stem.weight.shape[3] == program_.input_channels + 1,
          where + ": its weights are not for the channels of the image and one more");
  step.out_channels = static_cast<int>(stem.weight.shape[0]);
  check_stem_sums(stem.weight, where);
  if (const Json* pool = json.find("pool", where)) stem.pool = read_pool(*pool, where + ".pool");
  stem.map = part_.read_map(json, "map", where, step.out_channels);
  stem.sinks = read_all_sinks(json, where, step.out_channels);
}

Window StepReader::read_pool(const Json& json, const std::string& where) const {
  Window window = read_window(json, where);
  window.kernel_height = window.kernel_width = whole(json, "kernel", 1, kMaxWindow, where);
  require(window.dilation == 1 && window.padding < window.kernel_height,
          where + ": its padding must be smaller than its kernel");
  return window;
}

SinksSpec StepReader::read_all_sinks(const Json& json, const std::string& where,
                                     int channels) const {
  auto sinks = part_.read_sinks(json.find("sinks", where), where + ".sinks", channels);
  require(sinks.has_value(), where + " has no sinks");
  return std::move(*sinks);
}

void StepReader::read_input(const Json& json, const std::string& where, StepSpec& step) const {
  step.op = StepSpec::Op::kInput;
  step.out_channels = program_.input_channels;
  step.input.map = part_.read_map(json, "map", where, step.out_channels);
  step.input.sinks = read_all_sinks(json, where, step.out_channels);
}

int StepReader::input_channels(const Json& json, const std::string& where) const {
  return program_.buffers[part_.buffer_of(json, "input", where, 0, BufferKind::kFloat)].channels;
}

void StepReader::read_move(const Json& json, const std::string& where, StepSpec& step,
                           int channels) const {
  step.out_channels = channels;
  step.move.input = part_.buffer_of(json, "input", where, 0, BufferKind::kFloat);
  step.move.output = part_.buffer_of(json, "output", where, channels, BufferKind::kFloat);
  require(step.move.input != step.move.output, where + " writes what it reads");
}

void StepReader::read_mean(const Json& json, const std::string& where, StepSpec& step) const {
  step.op = StepSpec::Op::kMean;
  read_move(json, where, step, input_channels(json, where));
}

void StepReader::read_resize(const Json& json, const std::string& where, StepSpec& step) const {
  step.op = StepSpec::Op::kResize;
  read_move(json, where, step, input_channels(json, where));
  step.move.factor = whole(json, "factor", 1, kMaxFactor, where);
  if (const Json* like = json.find("like", where)) {
    step.move.like = part_.buffer_index(*like, where + ".like");
    require(step.move.like != step.move.output, where + " writes the buffer whose size it takes");
  }
  require(step.move.like >= 0 || !program_.is_part,
          where + ".like is missing: a part has no canvas");
}

void StepReader::read_interpolate(const Json& json, const std::string& where,
                                  StepSpec& step) const {
  read_resize(json, where, step);
  step.move.by_centers = true;
}

void StepReader::read_max_pool(const Json& json, const std::string& where, StepSpec& step) const {
  step.op = StepSpec::Op::kMaxPool;
  read_move(json, where, step, input_channels(json, where));
  step.move.pool = read_pool(json.at("pool", where), where + ".pool");
}

void StepReader::read_depth_to_space(const Json& json, const std::string& where,
                                     StepSpec& step) const {
  step.op = StepSpec::Op::kDepthToSpace;
  const int64_t factor = whole(json, "factor", 1, kMaxFactor, where);
  const int channels = input_channels(json, where);
  require(channels % (factor * factor) == 0,
          where + ": its input has " + std::to_string(channels) +
              " channels, which are no groups of factor x factor");
  read_move(json, where, step, static_cast<int>(channels / (factor * factor)));
  step.move.factor = static_cast<int>(factor);
}

}  // namespace groupnet
