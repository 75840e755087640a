// From the JSON of a packed file to a Program. Nothing of the file is trusted.
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/json.h"
#include "core/part_reader.h"
#include "core/program.h"
#include "core/tensor_access.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxWindow = 4096;
constexpr size_t kMaxSteps = 4096, kMaxBuffers = 16384;

class ProgramReader {
 public:
  explicit ProgramReader(const PackedFile& file) : file_(file), part_(file, program_.buffers) {}

  Program read() {
    Json json = Json::parse(file_.program());
    program_.input_channels = whole(json, "input_channels", 1, kMaxChannels, "the program");
    read_buffers(json.at("buffers", "the program"));
    const auto& steps = json.at("steps", "the program").as_array("steps");
    require(!steps.empty() && steps.size() <= kMaxSteps, "its number of steps is not 1 to 4096");
    for (const Json& step : steps) read_step(step);
    for (const auto& [name, buffer] : json.at("outputs", "the program").as_object("outputs")) {
      int index = part_.buffer_index(buffer, "output '" + name + "'");
      require(!program_.buffers[index].bits, "output '" + name + "' is a buffer of bits");
      program_.outputs.emplace_back(name, index);
    }
    require(!program_.outputs.empty(), "it has no outputs");
    return std::move(program_);
  }

 private:
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

  void read_step(const Json& json) {
    std::string where = "steps[" + std::to_string(program_.steps.size()) + "]";
    static const std::map<std::string,
                          void (ProgramReader::*)(const Json&, const std::string&, StepSpec&) const>
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
    stem.weight = part_.read_weight(json, where, "I16", stem.conv);
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
    stem.map = part_.read_map(json, "map", where, step.out_channels);
    auto sinks = part_.read_sinks(json.find("sinks", where), where + ".sinks", step.out_channels);
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
      branch.residual = part_.buffer_of(json, "residual", where, step.out_channels, false);
    }
    branch.final = part_.read_map(json, "final", where, step.out_channels);
    branch.sinks = part_.read_sinks(json.find("sinks", where), where + ".sinks", step.out_channels);
    return branch;
  }

  TermSpec read_term(const Json& json, const std::string& where, StepSpec& step) const {
    TermSpec term;
    term.input = part_.buffer_index(json.at("input", where), where + ".input");
    const BufferSpec& input = program_.buffers[term.input];
    term.binary = input.bits;
    term.conv = read_window(json, where);
    term.weight = part_.read_weight(json, where, input.bits ? "U8" : "F32", term.conv);
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
    term.map = part_.read_map(json, "map", where, out_channels);
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
    join.scales = part_.channels_of(json, "scales", where, {num_branches});
    if (const Json* alias = json.find("alias", where)) join.alias = alias->as_bool("alias");
    Channels gate = part_.channels_of(json, "gate", where, {2});
    if (!gate.empty()) join.gate = {gate[0], gate[1]};
    join.merged =
        part_.read_sinks(json.find("merged", where), where + ".merged", step.out_channels);
    join.branches.resize(static_cast<size_t>(num_branches));
    if (const Json* list = json.find("branches", where)) {
      const auto& sinks = list->as_array(where + ".branches");
      require(sinks.empty() || sinks.size() == step.conv.branches.size(),
              where + ".branches is not one for each branch");
      for (size_t i = 0; i < sinks.size(); ++i) {
        join.branches[i] = part_.read_sinks(&sinks[i], where + ".branches", step.out_channels);
      }
    }
    return join;
  }

  void read_mean(const Json& json, const std::string& where, StepSpec& step) const {
    step.op = StepSpec::Op::kMean;
    step.mean.input = part_.buffer_of(json, "input", where, 0, false);
    step.out_channels = program_.buffers[step.mean.input].channels;
    step.mean.output = part_.buffer_of(json, "output", where, step.out_channels, false);
    require(step.mean.input != step.mean.output, where + " writes what it reads");
  }

  const PackedFile& file_;
  Program program_;
  const PartReader part_;
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
