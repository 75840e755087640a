#include "core/format/readers/part_reader.h"

#include <cmath>
#include <map>

#include "core/error.h"
#include "core/format/readers/tensor_access.h"

namespace groupnet {

namespace {

constexpr size_t kMaxParts = 64, kMaxLevels = 256;

}  // namespace

int64_t in_range(int64_t value, int64_t low, int64_t high, const std::string& what) {
  require(low <= value && value <= high, what + " is " + std::to_string(value) + ", not " +
                                             std::to_string(low) + " to " + std::to_string(high));
  return value;
}

int whole(const Json& json, const char* key, int64_t low, int64_t high, const std::string& where,
          std::optional<int64_t> absent) {
  const Json* value = json.find(key, where);
  std::string what = where + "." + key;
  if (value == nullptr && absent) return static_cast<int>(*absent);
  require(value != nullptr, what + " is missing");
  return static_cast<int>(in_range(value->as_integer(what), low, high, what));
}

const std::vector<Json>& parts(const Json& json, const std::string& what, size_t least) {
  const auto& list = json.as_array(what);
  require(least <= list.size() && list.size() <= kMaxParts,
          what + " has " + std::to_string(list.size()) + " members, not " + std::to_string(least) +
              " to 64");
  return list;
}

Window read_window(const Json& json, const std::string& where) {
  Window window;
  window.stride = whole(json, "stride", 1, kMaxWindow, where, 1);
  window.padding = whole(json, "padding", 0, kMaxWindow, where, 0);
  window.dilation = whole(json, "dilation", 1, kMaxWindow, where, 1);
  return window;
}

Window read_pool(const Json& json, const std::string& where) {
  Window window = read_window(json, where);
  window.kernel_height = window.kernel_width = whole(json, "kernel", 1, kMaxWindow, where);
  require(window.dilation == 1 && window.padding < window.kernel_height,
          where + ": its padding must be smaller than its kernel");
  return window;
}

int PartReader::buffer_index(const Json& json, const std::string& what) const {
  return static_cast<int>(
      in_range(json.as_integer(what), 0, static_cast<int64_t>(buffers_.size()) - 1, what));
}

int PartReader::buffer_of(const Json& json, const char* key, const std::string& where, int channels,
                          BufferKind kind) const {
  static constexpr const char* kNames[] = {"bits", "floats", "bytes"};
  std::string what = where + "." + key;
  int index = buffer_index(json.at(key, where), what);
  const BufferSpec& buffer = buffers_[index];
  require(buffer.kind == kind, what + " is no buffer of " + kNames[static_cast<int>(kind)]);
  require(channels == 0 || buffer.channels == channels,
          what + " has " + std::to_string(buffer.channels) + " channels, not " +
              std::to_string(channels));
  return index;
}

Channels PartReader::channels_of(const Json& json, const char* key, const std::string& where,
                                 std::vector<int64_t> shape) const {
  const Json* name = json.find(key, where);
  if (name == nullptr) return {};
  const std::string& tensor_name = name->as_string(where + "." + key);
  const Tensor& tensor = find_tensor(file_, tensor_name, "F32");
  require_shape(tensor, tensor_name, shape);
  Channels& channels = channels_[tensor_name];
  if (channels.empty()) channels = Channels(copy_values<float>(tensor));
  return channels;
}

std::vector<int32_t> PartReader::read_offsets(const Json& json, const std::string& where,
                                              int64_t channels) const {
  const std::string& name = json.at("offset", where).as_string(where + ".offset");
  const Tensor& tensor = find_tensor(file_, name, "I32");
  require_shape(tensor, name, {channels});
  auto offsets = copy_values<int32_t>(tensor);
  const std::string what = "a value of " + quoted(name);
  for (int32_t offset : offsets) in_range(offset, -(1 << 24), 1 << 24, what);
  return offsets;
}

MapSpec PartReader::read_map(const Json& json, const char* key, const std::string& where,
                             int channels) const {
  MapSpec map;
  const Json* value = json.find(key, where);
  if (value == nullptr) return map;
  std::string what = where + "." + key;
  static const std::map<std::string, Act> kActs = {
      {"none", Act::kNone}, {"relu", Act::kRelu}, {"prelu", Act::kPrelu}};
  if (const Json* act = value->find("act", what)) {
    auto found = kActs.find(act->as_string(what + ".act"));
    require(found != kActs.end(), what + ".act is not none, relu or prelu");
    map.act = found->second;
  }
  map.scale1 = channels_of(*value, "scale1", what, {channels});
  map.shift1 = channels_of(*value, "shift1", what, {channels});
  map.slope = channels_of(*value, "slope", what, {channels});
  map.scale2 = channels_of(*value, "scale2", what, {channels});
  map.shift2 = channels_of(*value, "shift2", what, {channels});
  require(map.slope.empty() == (map.act != Act::kPrelu), what + ": a slope belongs to prelu");
  return map;
}

std::optional<SinksSpec> PartReader::read_sinks(const Json* json, const std::string& where,
                                                int channels) const {
  if (json == nullptr || json->kind() == Json::Kind::kNull) return std::nullopt;
  SinksSpec sinks;
  if (json->find("float", where) != nullptr) {
    sinks.float_buffer = buffer_of(*json, "float", where, channels, BufferKind::kFloat);
  }
  if (const Json* list = json->find("bits", where)) {
    for (const Json& sink : parts(*list, where + ".bits", 0)) {
      sinks.bits.push_back(read_bits_sink(sink, where + ".bits", channels));
    }
  }
  if (const Json* list = json->find("levels", where)) {
    for (const Json& sink : parts(*list, where + ".levels", 0)) {
      sinks.levels.push_back(read_levels_sink(sink, where + ".levels", channels));
    }
  }
  if (const Json* list = json->find("bytes", where)) {
    for (const Json& sink : parts(*list, where + ".bytes", 0)) {
      sinks.bytes.push_back(read_bytes_sink(sink, where + ".bytes", channels));
    }
  }
  return sinks;
}

SinksSpec PartReader::read_all_sinks(const Json& json, const std::string& where,
                                     int channels) const {
  auto sinks = read_sinks(json.find("sinks", where), where + ".sinks", channels);
  require(sinks.has_value(), where + " has no sinks");
  return std::move(*sinks);
}

BitsSinkSpec PartReader::read_bits_sink(const Json& json, const std::string& where,
                                        int channels) const {
  BitsSinkSpec sink;
  sink.buffer = buffer_of(json, "buffer", where, channels, BufferKind::kBits);
  sink.threshold = channels_of(json, "threshold", where, {channels});
  for (float threshold : sink.threshold) {
    require(!std::isnan(threshold), where + " has NaN as a threshold");
  }
  if (const Json* name = json.find("invert", where)) {
    const std::string& tensor_name = name->as_string(where + ".invert");
    const Tensor& tensor = find_tensor(file_, tensor_name, "U8");
    require_shape(tensor, tensor_name, {channels});
    sink.invert = copy_values<uint8_t>(tensor);
    for (uint8_t flag : sink.invert) require(flag <= 1, where + ".invert is neither 0 nor 1");
  }
  return sink;
}

LevelsSinkSpec PartReader::read_levels_sink(const Json& json, const std::string& where,
                                            int channels) const {
  LevelsSinkSpec sink;
  sink.buffer = buffer_of(json, "buffer", where, channels, BufferKind::kFloat);
  const std::string& name = json.at("thresholds", where).as_string(where + ".thresholds");
  const Tensor& tensor = find_tensor(file_, name, "F32");
  require(tensor.shape.size() == 2 && tensor.shape[0] >= 1 &&
              tensor.shape[0] <= static_cast<int64_t>(kMaxLevels),
          "tensor " + quoted(name) + " is not of shape (1 to 256, channels)");
  int64_t levels = tensor.shape[0];
  sink.num_thresholds = static_cast<int>(levels);
  sink.thresholds = channels_of(json, "thresholds", where, {levels, channels});
  sink.values = channels_of(json, "values", where, {levels + 1, channels});
  require(!sink.values.empty(), where + ".values is missing");
  for (float threshold : sink.thresholds) {
    require(!std::isnan(threshold), where + " has NaN as a threshold");
  }
  return sink;
}

BytesSinkSpec PartReader::read_bytes_sink(const Json& json, const std::string& where,
                                          int channels) const {
  BytesSinkSpec sink;
  sink.buffer = buffer_of(json, "buffer", where, channels, BufferKind::kBytes);
  sink.scale = static_cast<float>(json.at("scale", where).as_number(where + ".scale"));
  require(std::isfinite(sink.scale) && sink.scale > 0, where + ".scale is no number above 0");
  sink.zero = whole(json, "zero", 0, 255, where, 0);
  require(static_cast<float>(sink.zero) == buffers_[sink.buffer].pad,
          where + ".zero is not the pad of its buffer");
  return sink;
}

const Tensor& PartReader::read_weight(const Json& json, const std::string& where,
                                      const std::string& dtype, Window& window) const {
  const std::string& name = json.at("weight", where).as_string(where + ".weight");
  const Tensor& tensor = find_tensor(file_, name, dtype);
  require(tensor.shape.size() == 4, "tensor " + quoted(name) + " has not four dimensions");
  in_range(tensor.shape[0], 1, kMaxChannels, "the output channels of " + quoted(name));
  window.kernel_height = static_cast<int>(
      in_range(tensor.shape[1], 1, kMaxWindow, "the kernel height of " + quoted(name)));
  window.kernel_width = static_cast<int>(
      in_range(tensor.shape[2], 1, kMaxWindow, "the kernel width of " + quoted(name)));
  return tensor;
}

}  // namespace groupnet
