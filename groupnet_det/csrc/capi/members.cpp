#include "capi/members.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/message.h"

namespace groupnet {

namespace {

bool is_among(const std::string& name, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void check_members(const Json& json, const std::string& what,
                   std::initializer_list<const char*> names,
                   std::initializer_list<const char*> optional) {
  for (const auto& [name, value] : json.as_object(what)) {
    require(is_among(name, names) || is_among(name, optional),
            what + " has the unknown member " + quoted(name));
  }
  for (const char* name : names) json.at(name, what);
}

float to_float(double value) {
  constexpr double kMost = double{std::numeric_limits<float>::max()};
  if (std::fabs(value) > kMost) {
    return std::copysign(std::numeric_limits<float>::infinity(), value > 0 ? 1.0f : -1.0f);
  }
  return static_cast<float>(value);
}

float read_float(const Json& json, const std::string& what) {
  const float value = to_float(json.as_number(what));
  require(std::isfinite(value), what + " is not a float32");
  return value;
}

std::vector<float> read_floats(const Json& json, const std::string& what) {
  std::vector<float> values;
  for (const Json& value : json.as_array(what)) values.push_back(read_float(value, what));
  return values;
}

int64_t read_integer(const Json& json, const std::string& what, int64_t least, int64_t most) {
  const int64_t value = json.as_integer(what);
  require(least <= value && value <= most, what + " is " + std::to_string(value) +
                                               "; valid: " + std::to_string(least) + " to " +
                                               std::to_string(most));
  return value;
}

std::vector<std::string> read_texts(const Json& json, const std::string& what) {
  std::vector<std::string> texts;
  for (const Json& text : json.as_array(what)) texts.push_back(text.as_string(what));
  return texts;
}

int buffer_of(const Program& program, const std::string& output) {
  for (const auto& [name, buffer] : program.outputs) {
    if (name == output) return buffer;
  }
  throw Error("it has no output " + quoted(output));
}

int buffer_of(const Program& program, const std::string& output, int64_t channels) {
  const int buffer = buffer_of(program, output);
  const int own = program.buffers[static_cast<size_t>(buffer)].channels;
  require(own == channels, "its output " + quoted(output) + " has " + std::to_string(own) +
                               " channels; its postprocessing takes " + std::to_string(channels));
  return buffer;
}

}  // namespace groupnet
