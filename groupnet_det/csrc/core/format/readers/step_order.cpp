#include "core/format/readers/step_order.h"

#include <set>
#include <string>

#include "core/error.h"
#include "core/message.h"

namespace groupnet {

namespace {

using Buffers = std::set<int>;

// What one step writes. Threads work on its branches and rows in any order: none may write what
// another reads.
Buffers targets_of(const StepSpec& step, const std::string& where) {
  Buffers targets;
  for (int buffer : step.written()) {
    require(targets.insert(buffer).second, where + " writes a buffer twice");
  }
  require(!targets.empty(), where + " writes nothing");
  for (int buffer : step.convolved()) {
    require(targets.count(buffer) == 0, where + " writes what its convolutions read");
  }
  for (const auto& branch : step.conv.branches) {
    require(branch.residual_factor == 1 || targets.count(branch.residual) == 0,
            where + " writes a residual that other places read");
  }
  return targets;
}

void check_residuals(const ConvSpec& conv, const std::string& where) {
  if (conv.join) return;  // reads all residuals of a place before it writes there
  const auto& branches = conv.branches;
  for (size_t reader = 0; reader < branches.size(); ++reader) {
    for (size_t writer = 0; writer < branches.size(); ++writer) {
      if (reader == writer || !branches[writer].sinks) continue;
      for (int buffer : branches[writer].sinks->buffers()) {
        require(buffer != branches[reader].residual,
                where + ": a branch writes the residual of another");
      }
    }
  }
}

}  // namespace

void check_step_order(const Program& program, const std::string& what) {
  Buffers written;
  for (const StepSpec& step : program.steps) {
    const std::string where = what + ", step " + quoted(step.name);
    std::vector<int> needed = step.read();
    if (step.move.like >= 0) needed.push_back(step.move.like);
    for (int buffer : needed) {
      require(written.count(buffer) > 0,
              where + " reads buffer " + std::to_string(buffer) + " before it is written");
    }
    const Buffers targets = targets_of(step, where);
    check_residuals(step.conv, where);
    written.insert(targets.begin(), targets.end());
  }
  for (const auto& [name, buffer] : program.outputs) {
    require(written.count(buffer) > 0, what + ": output " + quoted(name) + " is never written");
  }
}

}  // namespace groupnet
