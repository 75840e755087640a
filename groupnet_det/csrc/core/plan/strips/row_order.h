// Which rows of some steps must be computed before which rows of others.
#pragma once

#include <cstdint>
#include <vector>

#include "core/format/program.h"

namespace groupnet {

// Between two steps, counted from the first of their chain. Both functions rise with their
// argument, and take and give numbers of rows from 0 to `height`.
struct RowRule {
  size_t before = 0, after = 0;
  bool overwrites = false;  // `after` writes what `before` reads; else it reads, or writes again
  // The one that reads needs so many rows above and below the one that it writes, or all of them.
  int64_t above = 0, below = 0;
  bool whole = false;

  // So many rows of `before` come before rows [0, end) of `after`.
  int64_t rows_before(int64_t end, int64_t height) const;
  // From this row on, those of `after` have to do with none of the rows [0, start) of `before`.
  int64_t first_apart(int64_t start, int64_t height) const;
};

// Of steps [first, end) of a program, which have windows of rows and write maps of `height` rows.
// Where each pair of rows that a rule names is computed in the order of the program, each step
// reads what it would read if all steps ran as a whole.
class RowOrder {
 public:
  RowOrder(const Program& program, size_t first, size_t end, int64_t height);

  size_t num_steps() const { return num_steps_; }
  int64_t height() const { return height_; }
  const std::vector<RowRule>& rules() const { return rules_; }
  // Whether no step must come before it.
  bool is_free(size_t step) const;

  // How far each step must be for rows [0, end) of the last one.
  std::vector<int64_t> ends_for(int64_t end) const;
  // Where to cut the map of each step, that of the first at row `start`, so that what lies below
  // the cuts can be computed without anything above them.
  std::vector<int64_t> cuts_from(int64_t start) const;

 private:
  void add_rule(RowRule rule);

  size_t num_steps_;
  int64_t height_;
  std::vector<RowRule> rules_;  // by `after`
};

}  // namespace groupnet
