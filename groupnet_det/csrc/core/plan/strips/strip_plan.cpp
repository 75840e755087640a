#include "core/plan/strips/strip_plan.h"

#include <algorithm>

namespace groupnet {

namespace {

using Rows = std::vector<int64_t>;  // of each step

double cycles_above(const Rows& cuts, const std::vector<RowWork>& work) {
  double cycles = 0;
  for (size_t step = 0; step < cuts.size(); ++step) {
    cycles += work[step].cycles * static_cast<double>(cuts[step]);
  }
  return cycles;
}

class StripPlanner {
 public:
  StripPlanner(const RowOrder& order, const std::vector<RowWork>& work, int threads)
      : order_(order),
        work_(work),
        plan_(static_cast<size_t>(threads)),
        starts_(static_cast<size_t>(threads)) {
    cut();
  }

  StripPlan plan(int64_t strip_rows) {
    // From the last thread on: what a task needs is among the tasks of threads after its own.
    for (size_t thread = plan_.size(); thread-- > 0;) add_tasks(thread, strip_rows);
    return std::move(plan_);
  }

 private:
  // About the same work for each thread.
  void cut() {
    const Rows bottom(order_.num_steps(), order_.height());
    const double all = cycles_above(bottom, work_);
    cuts_.emplace_back(order_.num_steps(), 0);
    for (size_t thread = 1; thread < plan_.size(); ++thread) {
      const double share = static_cast<double>(thread) / static_cast<double>(plan_.size());
      cuts_.push_back(order_.cuts_from(row_with_work(all * share)));
    }
    cuts_.push_back(bottom);
  }

  // The last one above which all steps together have no more work than that.
  int64_t row_with_work(double cycles) const {
    int64_t low = 0, high = order_.height();
    while (low < high) {
      const int64_t middle = high - (high - low) / 2;
      if (cycles_above(order_.cuts_from(middle), work_) <= cycles) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  void add_tasks(size_t thread, int64_t strip_rows) {
    const Rows &first = cuts_[thread], &last = cuts_[thread + 1];
    Rows done = first;
    for (int64_t end = first.back() + strip_rows; done != last; end += strip_rows) {
      // The last strip takes all that is left.
      const Rows ends = end < last.back() ? order_.ends_for(end) : last;
      for (size_t step = 0; step < ends.size(); ++step) {
        const int64_t at_once = order_.is_free(step) ? work_[step].at_once : 1;
        const int64_t rows = (ends[step] - first[step] + at_once - 1) / at_once * at_once;
        const int64_t end_row = std::clamp(first[step] + rows, done[step], last[step]);
        if (end_row == done[step]) continue;
        plan_[thread].push_back({step, done[step], end_row, 0, needs_of(thread, step, end_row)});
        done[step] = end_row;
      }
    }
    put_into_ring(thread);
    note_starts(thread);
  }

  // All rows that belong to this thread alone, whatever the step, share a few in memory.
  void put_into_ring(size_t thread) {
    const Rows &first = cuts_[thread], &last = cuts_[thread + 1];
    const int64_t begin = *std::max_element(first.begin(), first.end());
    const int64_t end = *std::min_element(last.begin(), last.end());
    const int64_t rows = rows_in_use(thread);
    std::vector<StripTask> tasks;
    for (StripTask& task : plan_[thread]) {
      for (int64_t row = task.first_row; row < task.end_row;) {
        StripTask& part = tasks.emplace_back();
        part.step = task.step;
        part.needs = std::move(task.needs);
        part.first_row = row;
        if (row < begin) {
          row = begin;
        } else if (row < end) {
          part.shift = (row - begin) / rows * rows;
          row = std::min(end, begin + part.shift + rows);
        } else {
          row = task.end_row;
        }
        row = part.end_row = std::min(row, task.end_row);
      }
    }
    plan_[thread] = std::move(tasks);
  }

  // From the first one that some step has not done yet to the last one that a step does.
  int64_t rows_in_use(size_t thread) const {
    Rows done = cuts_[thread];
    int64_t rows = 1;
    for (const StripTask& task : plan_[thread]) {
      rows = std::max(rows, task.end_row - *std::min_element(done.begin(), done.end()));
      done[task.step] = task.end_row;
    }
    return rows;
  }

  std::vector<TasksOfThread> needs_of(size_t thread, size_t step, int64_t end_row) const {
    std::vector<TasksOfThread> needs;
    for (size_t other = thread + 1; other < plan_.size(); ++other) {
      int64_t count = 0;
      for (const RowRule& rule : order_.rules()) {
        if (rule.after != step) continue;
        const int64_t rows = rule.rows_before(end_row, order_.height());
        if (rows <= cuts_[other][rule.before]) continue;
        count = std::max(count, tasks_for(other, rule.before, rows));
      }
      if (count > 0) needs.push_back({static_cast<int>(other), count});
    }
    return needs;
  }

  // So many of a thread's first tasks have done its share of the rows [0, rows) of a step.
  int64_t tasks_for(size_t thread, size_t step, int64_t rows) const {
    const std::vector<NumberedRow>& tasks = starts_[thread][step];
    const auto end = std::partition_point(
        tasks.begin(), tasks.end(), [&](const NumberedRow& task) { return task.first_row < rows; });
    return end == tasks.begin() ? 0 : std::prev(end)->number;
  }

  void note_starts(size_t thread) {
    starts_[thread].resize(order_.num_steps());
    int64_t number = 0;
    for (const StripTask& task : plan_[thread]) {
      starts_[thread][task.step].push_back({task.first_row, ++number});
    }
  }

  // Where a task starts, and its number among those of its thread, from 1.
  struct NumberedRow {
    int64_t first_row = 0, number = 0;
  };

  const RowOrder& order_;
  const std::vector<RowWork>& work_;
  StripPlan plan_;
  std::vector<std::vector<std::vector<NumberedRow>>> starts_;  // of each thread, for each step
  std::vector<Rows> cuts_;  // above each thread's part, and below the last one's
};

}  // namespace

StripPlan plan_strips(const RowOrder& order, const std::vector<RowWork>& work, int64_t strip_rows,
                      int threads) {
  return StripPlanner(order, work, threads).plan(strip_rows);
}

const StripPlan& Strips::plan(int threads) {
  const auto found = plans_.find(threads);
  if (found != plans_.end()) return found->second;
  return plans_.emplace(threads, plan_strips(order_, work_, chain_.rows, threads)).first->second;
}

}  // namespace groupnet
