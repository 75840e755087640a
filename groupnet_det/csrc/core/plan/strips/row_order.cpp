#include "core/plan/strips/row_order.h"

#include <algorithm>

namespace groupnet {

namespace {

bool holds(const std::vector<int>& buffers, int buffer) {
  return std::find(buffers.begin(), buffers.end(), buffer) != buffers.end();
}

RowRule rule_of(size_t before, size_t after, const RowWindow& window, bool overwrites) {
  RowRule rule;
  rule.before = before;
  rule.after = after;
  rule.overwrites = overwrites;
  // Between maps of the same size, another stride makes little sense.
  rule.whole = window.stride != 1;
  if (rule.whole) return rule;
  rule.above = window.padding;
  rule.below = window.span - 1 - window.padding;
  return rule;
}

}  // namespace

int64_t RowRule::rows_before(int64_t end, int64_t height) const {
  if (end <= 0) return 0;
  if (whole) return height;
  return std::clamp<int64_t>(end + (overwrites ? above : below), 0, height);
}

int64_t RowRule::first_apart(int64_t start, int64_t height) const {
  if (start <= 0) return 0;
  if (whole) return height;
  return std::clamp<int64_t>(start + (overwrites ? below : above), 0, height);
}

RowOrder::RowOrder(const Program& program, size_t first, size_t end, int64_t height)
    : num_steps_(end - first), height_(height) {
  std::vector<std::vector<int>> writes;
  std::vector<std::vector<RowWindow>> windows;
  for (size_t step = first; step < end; ++step) {
    writes.push_back(program.steps[step]->writes());
    windows.push_back(*program.steps[step]->row_windows());
  }
  for (size_t after = 1; after < num_steps_; ++after) {
    for (size_t before = 0; before < after; ++before) {
      for (const RowWindow& window : windows[after]) {
        if (holds(writes[before], window.buffer)) add_rule(rule_of(before, after, window, false));
      }
      for (int buffer : writes[after]) {
        if (holds(writes[before], buffer)) add_rule(rule_of(before, after, {}, false));
      }
      for (const RowWindow& window : windows[before]) {
        if (holds(writes[after], window.buffer)) add_rule(rule_of(before, after, window, true));
      }
    }
  }
}

// At most four for two steps: windows of one kind are one that covers them all.
void RowOrder::add_rule(RowRule rule) {
  for (auto known = rules_.rbegin(); known != rules_.rend(); ++known) {
    if (known->before != rule.before || known->after != rule.after) break;
    if (known->overwrites != rule.overwrites || known->whole != rule.whole) continue;
    known->above = std::max(known->above, rule.above);
    known->below = std::max(known->below, rule.below);
    return;
  }
  rules_.push_back(rule);
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
