#include "core/ops/float_maps/float_step.h"

#include "core/error.h"

namespace groupnet {

int FloatStep::input_channels(const PartReader& reader, const Json& json,
                              const std::string& where) {
  return reader.buffer(reader.buffer_of(json, "input", where, 0, BufferKind::kFloat)).channels;
}

void FloatStep::read_maps(const PartReader& reader, const Json& json, const std::string& where,
                          int groups) {
  out_channels = input_channels(reader, json, where) / groups;
  input = reader.buffer_of(json, "input", where, 0, BufferKind::kFloat);
  output = reader.buffer_of(json, "output", where, out_channels, BufferKind::kFloat);
  require(input != output, where + " writes what it reads");
}

}  // namespace groupnet
