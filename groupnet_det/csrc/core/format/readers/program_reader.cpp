// Nothing of the file is trusted.
#include "core/format/readers/program_reader.h"

#include <cmath>

#include "core/error.h"
#include "core/format/readers/step_order.h"
#include "core/message.h"

namespace groupnet {

namespace {

constexpr size_t kMaxSteps = 4096, kMaxBuffers = 16384, kMaxParts = 64;
constexpr int kMaxBases = 64;

class ProgramReader {
 public:
  ProgramReader(const PackedFile& file, const Operations& operations, std::string name,
                bool is_part)
      : file_(file), operations_(operations) {
    program_.name = std::move(name);
    program_.is_part = is_part;
    where_ = is_part ? "the part " + quoted(program_.name) : "the program";
  }

  Program read(const Json& json) {
    program_.input_channels = whole(json, "input_channels", 1, kMaxChannels, where_);
    program_.size_divisor =
        whole(json, "size_divisor", 1, program_.is_part ? 1 : kMaxWindow, where_, 1);
    read_buffers(json.at("buffers", where_));
    read_steps(json.at("steps", where_));
    for (const auto& [name, buffer] : json.at("outputs", where_).as_object("outputs")) {
      read_output(name, buffer);
    }
    require(!program_.outputs.empty(), where_ + " has no outputs");
    check_step_order(program_, where_);
    if (const Json* parts = json.find("parts", where_)) read_parts(*parts);
    require(!program_.is_part || (json.find("num_bases", where_) == nullptr &&
                                  json.find("fewer_bases", where_) == nullptr),
            where_ + " has bases, which only the whole program can have");
    return std::move(program_);
  }

 private:
  void read_buffers(const Json& json) {
    const auto& buffers = json.as_array("buffers");
    require(!buffers.empty() && buffers.size() <= kMaxBuffers,
            "its number of buffers is not 1 to 16384");
    for (size_t i = 0; i < buffers.size(); ++i) {
      program_.buffers.push_back(read_buffer(buffers[i], "buffers[" + std::to_string(i) + "]"));
    }
  }

  static BufferSpec read_buffer(const Json& json, const std::string& where) {
    static const std::map<std::string, BufferKind> kKinds = {
        {"bits", BufferKind::kBits}, {"float", BufferKind::kFloat}, {"bytes", BufferKind::kBytes}};
    const std::string& kind = json.at("kind", where).as_string(where + ".kind");
    auto found = kKinds.find(kind);
    require(found != kKinds.end(),
            where + " is of the kind " + quoted(kind) + ", not bits, float or bytes");
    BufferSpec buffer;
    buffer.kind = found->second;
    buffer.channels = whole(json, "channels", 1, kMaxChannels, where);
    if (const Json* pad = json.find("pad", where)) {
      buffer.pad = static_cast<float>(pad->as_number(where + ".pad"));
    }
    require(std::isfinite(buffer.pad), where + ".pad is not finite");
    if (buffer.kind != BufferKind::kFloat) {
      const float most = buffer.kind == BufferKind::kBits ? 1 : 255;
      require(0 <= buffer.pad && buffer.pad <= most && buffer.pad == std::floor(buffer.pad),
              where + ".pad is no " + (most == 1 ? "bit" : "byte"));
    }
    return buffer;
  }

  void read_steps(const Json& json) {
    const auto& steps = json.as_array("steps");
    require(!steps.empty() && steps.size() <= kMaxSteps, "its number of steps is not 1 to 4096");
    const PartReader reader(file_, program_);
    for (size_t i = 0; i < steps.size(); ++i) {
      std::string where = "steps[" + std::to_string(i) + "]";
      if (program_.is_part) where = where_ + ", " + where;
      std::unique_ptr<Step> step = read_step(reader, steps[i], where);
      require((step->source() == Source::kMap) == (program_.is_part && i == 0),
              where + ": the first step of a part is its input, and no other step is");
      require(step->source() != Source::kImage || !program_.is_part,
              where + ": a part has no stem");
      program_.steps.push_back(std::move(step));
    }
  }

  std::unique_ptr<Step> read_step(const PartReader& reader, const Json& json,
                                  const std::string& where) const {
    const std::string& op = json.at("op", where).as_string(where + ".op");
    const auto found = operations_.find(op);
    require(found != operations_.end(), where + " has the op " + quoted(op) + ", which is unknown");
    const std::string& name = json.at("name", where).as_string(where + ".name");
    std::unique_ptr<Step> step = found->second(reader, json, where);
    step->name = name;
    return step;
  }

  void read_output(const std::string& name, const Json& buffer) {
    const std::string what = "output " + quoted(name);
    auto index = static_cast<int>(in_range(
        buffer.as_integer(what), 0, static_cast<int64_t>(program_.buffers.size()) - 1, what));
    require(program_.buffers[index].kind == BufferKind::kFloat, what + " is no buffer of floats");
    program_.outputs.emplace_back(name, index);
  }

  void read_parts(const Json& json) {
    const auto& parts = json.as_object("parts");
    require(!program_.is_part || parts.empty(), where_ + " has parts itself");
    require(parts.size() <= kMaxParts, "it has more than 64 parts");
    for (const auto& [name, part] : parts) {
      program_.parts.push_back(ProgramReader(file_, operations_, name, true).read(part));
    }
  }

  const PackedFile& file_;
  const Operations& operations_;
  Program program_;
  std::string where_;
};

// By their number of bases, which is 0 where the file does not say.
std::map<int, const Json*> programs_of(const Json& json) {
  const int most = whole(json, "num_bases", 1, kMaxBases, "the program", 0);
  std::map<int, const Json*> programs = {{most, &json}};
  const Json* fewer = json.find("fewer_bases", "the program");
  if (fewer == nullptr) return programs;
  for (const auto& [name, program] : fewer->as_object("fewer_bases")) {
    int number = 1;
    while (number < most && std::to_string(number) != name) ++number;
    require(number < most,
            "fewer_bases has " + quoted(name) + ", which is no number below num_bases");
    programs[number] = &program;
  }
  return programs;
}

std::string no_such_bases(const std::map<int, const Json*>& programs, int bases) {
  std::string valid;
  for (const auto& [number, program] : programs) {
    if (number > 0) valid += (valid.empty() ? "" : ", ") + std::to_string(number);
  }
  return "it has no network of " + std::to_string(bases) +
         " bases; valid: " + (valid.empty() ? "none, as it has one network" : valid);
}

}  // namespace

Program read_program(const PackedFile& file, const Operations& operations, int bases) {
  const Json json = Json::parse(file.program());
  const auto programs = programs_of(json);
  const int most = programs.rbegin()->first;
  const auto found = programs.find(bases == 0 ? most : bases);
  if (found == programs.end()) throw Error(no_such_bases(programs, bases));
  Program program = ProgramReader(file, operations, "", false).read(*found->second);
  program.num_bases = found->first;
  return program;
}

}  // namespace groupnet
