#include "core/plan/strips/row_order.h"

#include <algorithm>

namespace groupnet {

namespace {

bool holds(const std::vector<int>& buffers, int buffer) {
  return std::find(buffers.begin(), buffers.end(), buffer) != buffers.end();
}

}  // namespace

int64_t RowRule::rows_before(int64_t end, int64_t height) const {
  if (end <= 0) return 0;
  const auto& [buffer, stride, padding, span] = window;
  if (!overwrites) return std::clamp<int64_t>((end - 1) * stride - padding + span, 0, height);
  // Rows y of `before` whose windows start at y * stride - padding < end.
  if (stride == 0) return height;
  return std::clamp<int64_t>((end - 1 + padding) / stride + 1, 0, height);
}

int64_t RowRule::first_apart(int64_t start, int64_t height) const {
  if (start <= 0) return 0;
  const auto& [buffer, stride, padding, span] = window;
  if (overwrites) return std::clamp<int64_t>((start - 1) * stride - padding + span, 0, height);
  if (stride == 0) return height;
  return std::clamp<int64_t>((start + padding + stride - 1) / stride, 0, height);
}

RowOrder::RowOrder(const Program& program, size_t first, size_t end, int64_t height)
    : num_steps_(end - first), height_(height) {
  for (size_t after = 1; after < num_steps_; ++after) {
    for (size_t before = 0; before < after; ++before) add_rules(program, first, before, after);
  }
}

void RowOrder::add_rules(const Program& program, size_t first, size_t before, size_t after) {
  const Step &earlier = *program.steps[first + before], &later = *program.steps[first + after];
  const auto earlier_windows = earlier.row_windows(), later_windows = later.row_windows();
  const std::vector<int> earlier_writes = earlier.writes(), later_writes = later.writes();
  const auto add = [&](const RowWindow& window, bool overwrites) {
    const auto known = std::any_of(rules_.begin(), rules_.end(), [&](const RowRule& rule) {
      return rule.before == before && rule.after == after && rule.overwrites == overwrites &&
             rule.window.stride == window.stride && rule.window.padding == window.padding &&
             rule.window.span == window.span;
    });
    if (!known) rules_.push_back({before, after, window, overwrites});
  };
  for (const RowWindow& window : *later_windows) {
    if (holds(earlier_writes, window.buffer)) add(window, false);
  }
  for (int buffer : later_writes) {
    if (holds(earlier_writes, buffer)) add(RowWindow{buffer}, false);
  }
  for (const RowWindow& window : *earlier_windows) {
    if (holds(later_writes, window.buffer)) add(window, true);
  }
}

bool RowOrder::is_free(size_t step) const {
  return std::none_of(rules_.begin(), rules_.end(),
                      [&](const RowRule& rule) { return rule.after == step; });
}

std::vector<int64_t> RowOrder::ends_for(int64_t end) const {
  std::vector<int64_t> ends(num_steps_, -1);
  for (size_t step = num_steps_; step-- > 0;) {
    if (ends[step] < 0) ends[step] = step + 1 < num_steps_ ? ends[step + 1] : end;
    for (const RowRule& rule : rules_) {
      if (rule.after != step) continue;
      int64_t& before = ends[rule.before];
      before = std::max(before, rule.rows_before(ends[step], height_));
    }
  }
  return ends;
}

std::vector<int64_t> RowOrder::cuts_from(int64_t start) const {
  std::vector<int64_t> cuts(num_steps_, -1);
  for (size_t step = 0; step < num_steps_; ++step) {
    for (const RowRule& rule : rules_) {
      if (rule.after != step) continue;
      cuts[step] = std::max(cuts[step], rule.first_apart(cuts[rule.before], height_));
    }
    if (cuts[step] < 0) cuts[step] = start;
  }
  return cuts;
}

}  // namespace groupnet
