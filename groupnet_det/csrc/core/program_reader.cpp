// From the JSON of a packed file to a Program. Nothing of the file is trusted.
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/json.h"
#include "core/program.h"
#include "core/tensor_access.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxChannels = 1 << 16, kMaxWindow = 4096, kMaxSteps = 4096;
constexpr size_t kMaxBuffers = 16384, kMaxParts = 64, kMaxLevels = 256;

class ProgramReader {
 public:
  explicit ProgramReader(const PackedFile& file) : file_(file) {}

  Program read() {
    Json json = Json::parse(file_.program());
    program_.input_channels = whole(json, "input_channels", 1, kMaxChannels, "the program");
    read_buffers(json.at("buffers", "the program"));
    const auto& steps = json.at("steps", "the program").as_array("steps");
    require(!steps.empty() && steps.size() <= kMaxSteps, "its number of steps is not 1 to 4096");
    for (const Json& step : steps) read_step(step);
    for (const auto& [name, buffer] : json.at("outputs", "the program").as_object("outputs")) {
      int index = buffer_index(buffer, "output '" + name + "'");
      require(!program_.buffers[index].bits, "output '" + name + "' is a buffer of bits");
      program_.outputs.emplace_back(name, index);
    }
    require(!program_.outputs.empty(), "it has no outputs");
    return std::move(program_);
  }

 private:
  static int64_t in_range(int64_t value, int64_t low, int64_t high, const std::string& what) {
    require(low <= value && value <= high, what + " is " + std::to_string(value) + ", not " +
                                               std::to_string(low) + " to " +
                                               std::to_string(high));
    return value;
  }

  static int whole(const Json& json, const char* key, int64_t low, int64_t high,
                   const std::string& where, std::optional<int64_t> absent = {}) {
    const Json* value = json.find(key, where);
    std::string what = where + "." + key;
    if (value == nullptr && absent) return static_cast<int>(*absent);
    require(value != nullptr, what + " is missing");
    return static_cast<int>(in_range(value->as_integer(what), low, high, what));
  }

  void read_buffers(const Json& json) {
    const auto& buffers = json.as_array("buffers");
    require(!buffers.empty() && buffers.size() <= kMaxBuffers,
            "its number of buffers is not 1 to 16384");
    for (size_t i = 0; i < buffers.size(); ++i) {
      std::string where = "buffers[" + std::to_string(i) + "]";
      BufferSpec buffer;
      const std::string& kind = buffers[i].at("kind", where).as_string(where + ".kind");
      require(kind == "bits" || kind == "float",
              where + " is of the kind '" + kind + "', not bits or float");
      buffer.bits = kind == "bits";
      buffer.channels = whole(buffers[i], "channels", 1, kMaxChannels, where);
      if (const Json* pad = buffers[i].find("pad", where)) {
        buffer.pad = static_cast<float>(pad->as_number(where + ".pad"));
      }
      require(std::isfinite(buffer.pad), where + ".pad is not finite");
      require(!buffer.bits || buffer.pad == 0 || buffer.pad == 1, where + ".pad is no bit");
      program_.buffers.push_back(buffer);
    }
  }

  int buffer_index(const Json& json, const std::string& what) const {
    return static_cast<int>(
        in_range(json.as_integer(what), 0, static_cast<int64_t>(program_.buffers.size()) - 1,
                 what));
  }

  int buffer_of(const Json& json, const char* key, const std::string& where, int channels,
                bool bits) const {
    std::string what = where + "." + key;
    int index = buffer_index(json.at(key, where), what);
    const BufferSpec& buffer = program_.buffers[index];
    require(buffer.bits == bits, what + " is no buffer of " + (bits ? "bits" : "floats"));
    require(channels == 0 || buffer.channels == channels,
            what + " has " + std::to_string(buffer.channels) + " channels, not " +
                std::to_string(channels));
    return index;
  }

  Channels channels_of(const Json& json, const char* key, const std::string& where,
                       std::vector<int64_t> shape) const {
    const Json* name = json.find(key, where);
    if (name == nullptr) return {};
    const std::string& tensor_name = name->as_string(where + "." + key);
    const Tensor& tensor = find_tensor(file_, tensor_name, "F32");
    require_shape(tensor, tensor_name, shape);
    return copy_values<float>(tensor);
  }

  MapSpec read_map(const Json& json, const char* key, const std::string& where,
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

  std::optional<SinksSpec> read_sinks(const Json* json, const std::string& where,
                                      int channels) const {
    if (json == nullptr || json->kind() == Json::Kind::kNull) return std::nullopt;
    SinksSpec sinks;
    if (json->find("float", where) != nullptr) {
      sinks.float_buffer = buffer_of(*json, "float", where, channels, false);
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
    return sinks;
  }

  static const std::vector<Json>& parts(const Json& json, const std::string& what, size_t least) {
    const auto& list = json.as_array(what);
    require(least <= list.size() && list.size() <= kMaxParts,
            what + " has " + std::to_string(list.size()) + " members, not " +
                std::to_string(least) + " to 64");
    return list;
  }

  BitsSinkSpec read_bits_sink(const Json& json, const std::string& where, int channels) const {
    BitsSinkSpec sink;
    sink.buffer = buffer_of(json, "buffer", where, channels, true);
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

  LevelsSinkSpec read_levels_sink(const Json& json, const std::string& where, int channels) const {
    LevelsSinkSpec sink;
    sink.buffer = buffer_of(json, "buffer", where, channels, false);
    const std::string& name = json.at("thresholds", where).as_string(where + ".thresholds");
    const Tensor& tensor = find_tensor(file_, name, "F32");
    require(tensor.shape.size() == 2 && tensor.shape[0] >= 1 &&
                tensor.shape[0] <= static_cast<int64_t>(kMaxLevels),
            "tensor '" + name + "' is not of shape (1 to 256, channels)");
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

  static Window read_window(const Json& json, const std::string& where) {
    Window window;
    window.stride = whole(json, "stride", 1, kMaxWindow, where, 1);
    window.padding = whole(json, "padding", 0, kMaxWindow, where, 0);
    window.dilation = whole(json, "dilation", 1, kMaxWindow, where, 1);
    return window;
  }

  // Weights of four dimensions, the first three checked.
  const Tensor& read_weight(const Json& json, const std::string& where, const std::string& dtype,
                            Window& window) const {
    const std::string& name = json.at("weight", where).as_string(where + ".weight");
    const Tensor& tensor = find_tensor(file_, name, dtype);
    require(tensor.shape.size() == 4, "tensor '" + name + "' has not four dimensions");
    in_range(tensor.shape[0], 1, kMaxChannels, "the output channels of '" + name + "'");
    window.kernel_height = static_cast<int>(
        in_range(tensor.shape[1], 1, kMaxWindow, "the kernel height of '" + name + "'"));
    window.kernel_width = static_cast<int>(
        in_range(tensor.shape[2], 1, kMaxWindow, "the kernel width of '" + name + "'"));
    return tensor;
  }

  void read_step(const Json& json) {
    std::string where = "steps[" + std::to_string(program_.steps.size()) + "]";
    static const std::map<std::string, void (ProgramReader::*)(const Json&, const std::string&,
                                                               StepSpec&) const>
        kReaders = {{"stem", &ProgramReader::read_stem},
                    {"conv", &ProgramReader::read_conv},
                    {"mean", &ProgramReader::read_mean}};
    const std::string& op = json.at("op", where).as_string(where + ".op");
    auto reader = kReaders.find(op);
    require(reader != kReaders.end(), where + " has the op '" + op + "', not stem, conv or mean");
    StepSpec step;
    step.name = json.at("name", where).as_string(where + ".name");
    (this->*reader->second)(json, where, step);
    program_.steps.push_back(std::move(step));
  }

  void read_stem(const Json& json, const std::string& where, StepSpec& step) const {
    step.op = StepSpec::Op::kStem;
    StemSpec& stem = step.stem;
    stem.conv = read_window(json, where);
    require(stem.conv.dilation == 1, where + ": a stem has no dilation");
    stem.weight = read_weight(json, where, "I16", stem.conv);
    require(stem.weight.shape[3] == program_.input_channels + 1,
            where + ": its weights are not for the channels of the image and one more");
    step.out_channels = static_cast<int>(stem.weight.shape[0]);
    check_stem_sums(stem.weight, where);
    if (const Json* pool = json.find("pool", where)) {
      std::string what = where + ".pool";
      Window window = read_window(*pool, what);
      window.kernel_height = window.kernel_width = whole(*pool, "kernel", 1, kMaxWindow, what);
      require(window.dilation == 1 && window.padding < window.kernel_height,
              what + ": its padding must be smaller than its kernel");
      stem.pool = window;
    }
    stem.map = read_map(json, "map", where, step.out_channels);
    auto sinks = read_sinks(json.find("sinks", where), where + ".sinks", step.out_channels);
    require(sinks.has_value(), where + " has no sinks");
    stem.sinks = std::move(*sinks);
  }

  static void check_stem_sums(const Tensor& weight, const std::string& where) {
    auto values = copy_values<int16_t>(weight);
    size_t per_channel = values.size() / static_cast<size_t>(weight.shape[0]);
    for (size_t start = 0; start < values.size(); start += per_channel) {
      int64_t sum = 0;
      for (size_t i = start; i < start + per_channel; ++i) sum += std::abs(int{values[i]});
      require(sum * 255 < (int64_t{1} << 31), where + ": sums of its weights may overflow");
    }
  }

  void read_conv(const Json& json, const std::string& where, StepSpec& step) const {
    step.op = StepSpec::Op::kConv;
    const auto& branches = parts(json.at("branches", where), where + ".branches", 1);
    for (size_t i = 0; i < branches.size(); ++i) {
      step.conv.branches.push_back(
          read_branch(branches[i], where + ".branches[" + std::to_string(i) + "]", step));
    }
    if (const Json* join = json.find("join", where)) {
      step.conv.join = read_join(*join, where + ".join", step);
    }
    for (const BranchSpec& branch : step.conv.branches) {
      require(branch.sinks.has_value() != step.conv.join.has_value(),
              where + ": either its branches have sinks or its join has");
    }
  }

  BranchSpec read_branch(const Json& json, const std::string& where, StepSpec& step) const {
    BranchSpec branch;
    const auto& terms = parts(json.at("terms", where), where + ".terms", 1);
    for (size_t i = 0; i < terms.size(); ++i) {
      branch.terms.push_back(
          read_term(terms[i], where + ".terms[" + std::to_string(i) + "]", step));
    }
    if (json.find("residual", where) != nullptr) {
      branch.residual = buffer_of(json, "residual", where, step.out_channels, false);
    }
    branch.final = read_map(json, "final", where, step.out_channels);
    branch.sinks = read_sinks(json.find("sinks", where), where + ".sinks", step.out_channels);
    return branch;
  }

  TermSpec read_term(const Json& json, const std::string& where, StepSpec& step) const {
    TermSpec term;
    term.input = buffer_index(json.at("input", where), where + ".input");
    const BufferSpec& input = program_.buffers[term.input];
    term.binary = input.bits;
    term.conv = read_window(json, where);
    term.weight = read_weight(json, where, input.bits ? "U8" : "F32", term.conv);
    int out_channels = static_cast<int>(term.weight.shape[0]);
    require(step.out_channels == 0 || step.out_channels == out_channels,
            where + ": the convolutions of a step have different numbers of output channels");
    step.out_channels = out_channels;
    require(term.weight.shape[3] == (input.bits ? (input.channels + 7) / 8 : input.channels),
            where + ": its weights are not for the channels of its input");
    int64_t positions = term.weight.numel() / out_channels * (input.bits ? 8 : 1);
    // So that float32 holds the counts exactly.
    require(positions < (int64_t{1} << 24), where + ": its sums have more than 2^24 terms");
    if (input.bits) check_unused_bits(term.weight, input.channels, where);
    if (const Json* name = json.find("offset", where)) {
      require(input.bits, where + ": an offset belongs to convolutions of bits");
      const std::string& tensor_name = name->as_string(where + ".offset");
      const Tensor& tensor = find_tensor(file_, tensor_name, "I32");
      require_shape(tensor, tensor_name, {out_channels});
      term.offset = copy_values<int32_t>(tensor);
      for (int32_t offset : term.offset) {
        in_range(offset, -(1 << 24), 1 << 24, "a value of '" + tensor_name + "'");
      }
    }
    term.map = read_map(json, "map", where, out_channels);
    return term;
  }

  static void check_unused_bits(const Tensor& weight, int channels, const std::string& where) {
    int used = channels % 8;
    if (used == 0) return;
    size_t stride = static_cast<size_t>(weight.shape[3]);
    for (size_t i = stride - 1; i < weight.num_bytes; i += stride) {
      require(weight.data[i] >> used == 0, where + ": unused bits of its weights are not 0");
    }
  }

  JoinSpec read_join(const Json& json, const std::string& where, const StepSpec& step) const {
    JoinSpec join;
    auto num_branches = static_cast<int64_t>(step.conv.branches.size());
    join.scales = channels_of(json, "scales", where, {num_branches});
    if (const Json* alias = json.find("alias", where)) join.alias = alias->as_bool("alias");
    Channels gate = channels_of(json, "gate", where, {2});
    if (!gate.empty()) join.gate = {gate[0], gate[1]};
    join.merged = read_sinks(json.find("merged", where), where + ".merged", step.out_channels);
    join.branches.resize(static_cast<size_t>(num_branches));
    if (const Json* list = json.find("branches", where)) {
      const auto& sinks = list->as_array(where + ".branches");
      require(sinks.empty() || sinks.size() == step.conv.branches.size(),
              where + ".branches is not one for each branch");
      for (size_t i = 0; i < sinks.size(); ++i) {
        join.branches[i] = read_sinks(&sinks[i], where + ".branches", step.out_channels);
      }
    }
    return join;
  }

  void read_mean(const Json& json, const std::string& where, StepSpec& step) const {
    step.op = StepSpec::Op::kMean;
    step.mean.input = buffer_of(json, "input", where, 0, false);
    step.out_channels = program_.buffers[step.mean.input].channels;
    step.mean.output = buffer_of(json, "output", where, step.out_channels, false);
    require(step.mean.input != step.mean.output, where + " writes what it reads");
  }

  const PackedFile& file_;
  Program program_;
};

void append(std::vector<int>& list, const std::vector<int>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

}  // namespace

std::vector<int> SinksSpec::buffers() const {
  std::vector<int> result;
  if (float_buffer >= 0) result.push_back(float_buffer);
  for (const auto& sink : bits) result.push_back(sink.buffer);
  for (const auto& sink : levels) result.push_back(sink.buffer);
  return result;
}

std::vector<const SinksSpec*> StepSpec::sinks() const {
  std::vector<const SinksSpec*> result;
  if (op == Op::kStem) result.push_back(&stem.sinks);
  for (const auto& branch : conv.branches) {
    if (branch.sinks) result.push_back(&*branch.sinks);
  }
  if (conv.join) {
    if (conv.join->merged) result.push_back(&*conv.join->merged);
    for (const auto& sinks : conv.join->branches) {
      if (sinks) result.push_back(&*sinks);
    }
  }
  return result;
}

std::vector<int> StepSpec::written() const {
  if (op == Op::kMean) return {mean.output};
  std::vector<int> result;
  for (const SinksSpec* sink : sinks()) append(result, sink->buffers());
  return result;
}

std::vector<int> StepSpec::residuals() const {
  std::vector<int> result;
  for (const auto& branch : conv.branches) {
    if (branch.residual >= 0) result.push_back(branch.residual);
  }
  return result;
}

std::vector<int> StepSpec::convolved() const {
  std::vector<int> result;
  for (const auto& branch : conv.branches) {
    for (const auto& term : branch.terms) result.push_back(term.input);
  }
  return result;
}

Program read_program(const PackedFile& file) { return ProgramReader(file).read(); }

}  // namespace groupnet
