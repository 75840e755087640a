#include "core/ops/conv/conv.h"

#include <set>

#include "core/error.h"
#include "core/plan/planned_step.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxRows = int64_t{1} << 31;

void append(std::vector<int>& list, const std::optional<SinksSpec>& sinks) {
  if (!sinks) return;
  const std::vector<int> more = sinks->buffers();
  list.insert(list.end(), more.begin(), more.end());
}

// Without a join, which reads all residuals of a place before it writes there.
void check_residuals(const std::vector<BranchSpec>& branches, const std::string& where) {
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

void check_size_of_residual(const BranchSpec& branch, const MapSize& size,
                            const ShapeInference& shapes) {
  if (branch.residual < 0) return;
  const MapSize& residual = shapes.of(branch.residual);
  const int64_t factor = branch.residual_factor;
  const auto side = [&](int64_t whole) { return factor == 0 ? 1 : (whole + factor - 1) / factor; };
  const MapSize expected{side(size.height), side(size.width)};
  shapes.require_fit(residual == expected,
                     ": its residual is " + size_text(residual) + ", not " + size_text(expected));
}

}  // namespace

std::vector<int> Conv::reads() const {
  std::vector<int> result;
  for (const auto& branch : branches) {
    for (const auto& term : branch.terms) result.push_back(term.input);
  }
  for (const auto& branch : branches) {
    if (branch.residual >= 0) result.push_back(branch.residual);
  }
  return result;
}

std::vector<int> Conv::writes() const {
  std::vector<int> result;
  for (const auto& branch : branches) append(result, branch.sinks);
  if (join) {
    append(result, join->merged);
    for (const auto& sinks : join->branches) append(result, sinks);
  }
  return result;
}

std::optional<std::vector<RowWindow>> Conv::row_windows() const {
  std::vector<RowWindow> windows;
  for (const auto& branch : branches) {
    for (const auto& term : branch.terms) {
      const Window& conv = term.conv;
      const int64_t span = int64_t{conv.dilation} * (conv.kernel_height - 1) + 1;
      windows.push_back({term.input, conv.stride, conv.padding, span});
    }
    if (branch.residual < 0) continue;
    // Of an enlarged one, all rows: it is no map of this size.
    windows.push_back(branch.residual_factor == 1 ? RowWindow{branch.residual}
                                                  : RowWindow{branch.residual, 0, 0, kMaxRows});
  }
  return windows;
}

size_t Conv::weight_bytes() const {
  size_t bytes = 0;
  for (const auto& branch : branches) {
    for (const auto& term : branch.terms) bytes += term.weight.num_bytes;
  }
  return bytes;
}

void Conv::check_overlaps(const std::string& where) const {
  const std::vector<int> list = writes();
  const std::set<int> written(list.begin(), list.end());
  for (const auto& branch : branches) {
    for (const auto& term : branch.terms) {
      require(written.count(term.input) == 0, where + " writes what its convolutions read");
    }
  }
  for (const auto& branch : branches) {
    require(branch.residual_factor == 1 || written.count(branch.residual) == 0,
            where + " writes a residual that other places read");
  }
  if (!join) check_residuals(branches, where);
}

MapSize Conv::output_size(ShapeInference& shapes) const {
  std::optional<MapSize> common;
  for (const auto& branch : branches) {
    for (const auto& term : branch.terms) {
      const MapSize own = shapes.windowed(shapes.of(term.input), term.conv, out_channels);
      shapes.require_fit(!common || *common == own,
                         ": its convolutions give maps of different sizes");
      common = own;
      shapes.need_border(term.input, term.conv.padding);
    }
  }
  shapes.require_fit(common.has_value(), " has no convolution");
  for (const auto& branch : branches) check_size_of_residual(branch, *common, shapes);
  return *common;
}

void Conv::pack(WeightPacker& packer) { packed_ = pack_conv(*this, packer); }

std::unique_ptr<PlannedStep> Conv::plan(StepPlanner& planner) const {
  return plan_conv(*this, packed_, planner);
}

}  // namespace groupnet
