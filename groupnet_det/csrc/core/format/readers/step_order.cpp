#include "core/format/readers/step_order.h"

#include <set>
#include <string>

#include "core/error.h"
#include "core/message.h"

namespace groupnet {

namespace {

using Buffers = std::set<int>;

Buffers targets_of(const Step& step, const std::string& where) {
  Buffers targets;
  for (int buffer : step.writes()) {
    require(targets.insert(buffer).second, where + " writes a buffer twice");
  }
  require(!targets.empty(), where + " writes nothing");
  return targets;
}

}  // namespace

void check_step_order(const Program& program, const std::string& what) {
  Buffers written;
  for (const auto& step : program.steps) {
    const std::string where = what + ", step " + quoted(step->name);
    for (const std::vector<int>& needed : {step->reads(), step->reads_size_of()}) {
      for (int buffer : needed) {
        require(written.count(buffer) > 0,
                where + " reads buffer " + std::to_string(buffer) + " before it is written");
      }
    }
    const Buffers targets = targets_of(*step, where);
    step->check_overlaps(where);
    written.insert(targets.begin(), targets.end());
  }
  for (const auto& [name, buffer] : program.outputs) {
    require(written.count(buffer) > 0, what + ": output '" + name + "' is never written");
  }
}

}  // namespace groupnet
