#include "core/format/program.h"

namespace groupnet {

std::vector<int> SinksSpec::buffers() const {
  std::vector<int> result;
  if (float_buffer >= 0) result.push_back(float_buffer);
  for (const auto& sink : bits) result.push_back(sink.buffer);
  for (const auto& sink : levels) result.push_back(sink.buffer);
  for (const auto& sink : bytes) result.push_back(sink.buffer);
  return result;
}

}  // namespace groupnet
