#include "core/run/step_executor.h"

#include <chrono>
#include <cstring>

namespace groupnet {

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

StripProgress::StripProgress(size_t chains, int threads)
    : threads_(static_cast<size_t>(threads)), counts_(new Count[chains * threads_]) {}

void StripProgress::add(size_t chain, int thread) {
  count(chain, thread).tasks.fetch_add(1);
  others_.wake();
}

void StripProgress::wait_for(size_t chain, const TasksOfThread& tasks) {
  const std::atomic<int64_t>& done = count(chain, tasks.thread).tasks;
  if (done.load() >= tasks.count) return;
  others_.until([&] { return done.load() >= tasks.count; });
}

Team::Team(Workspace& workspace, int threads)
    : barrier(threads), progress(workspace.strips().size(), threads) {
  for (Strips& strips : workspace.strips()) plans.push_back(&strips.plan(threads));
}

void StepExecutor::run(size_t first, size_t end, double* seconds) {
  const auto& steps = workspace_.steps();
  double start = now();
  for (size_t i = first; i < end;) {
    const int chain = steps[i].strips;
    if (chain >= 0 && seconds == nullptr) {
      const StripChain& strips = workspace_.strips()[static_cast<size_t>(chain)].chain();
      if (strips.first == i && strips.end <= end) {
        i = run_strips(static_cast<size_t>(chain));
        continue;
      }
    }
    fill_borders(steps[i]);
    steps[i].planned->run(worker_);
    const bool section_ends = i + 1 == end || steps[i + 1].starts_section || chain >= 0;
    section_ends ? worker_.start_section() : worker_.change_share();
    if (section_ends || seconds != nullptr) worker_.wait();
    if (seconds != nullptr && worker_.is_first()) {
      double time = now();
      seconds[i - first] = time - start;
      start = time;
    }
    ++i;
  }
}

size_t StepExecutor::run_strips(size_t chain) {
  const auto& steps = workspace_.steps();
  const auto& [first, end, rows] = workspace_.strips()[chain].chain();
  for (size_t i = first; i < end; ++i) {
    fill_borders(steps[i]);
    steps[i].planned->prepare(worker_);
  }
  worker_.wait();
  for (const StripTask& task : (*team_.plans[chain])[static_cast<size_t>(thread_)]) {
    for (const TasksOfThread& needed : task.needs) team_.progress.wait_for(chain, needed);
    steps[first + task.step].planned->run_rows(worker_, task.first_row, task.end_row, task.shift);
    team_.progress.add(chain, thread_);
  }
  worker_.start_section();
  worker_.wait();
  return end;
}

void StepExecutor::fill_borders(const WorkspaceStep& step) const {
  for (const Border& border : step.borders) fill_border(border);
}

// Kernels never write the border.
void StepExecutor::fill_border(const Border& border) const {
  const auto fill = [&](uint8_t* to, int64_t pixels) {
    if (border.uniform) {
      std::memset(to, *border.pixel, static_cast<size_t>(pixels * border.pixel_bytes));
      return;
    }
    for (int64_t i = 0; i < pixels; ++i, to += border.pixel_bytes) {
      std::memcpy(to, border.pixel, static_cast<size_t>(border.pixel_bytes));
    }
  };
  const int64_t width = border.width + 2 * border.size;
  const int64_t row_bytes = width * border.pixel_bytes;
  const int64_t rows = border.height + 2 * border.size;
  worker_.in_rows(worker_.size().images, rows, [&](int64_t image, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      uint8_t* to = border.memory + (image * rows + row) * row_bytes;
      if (row < border.size || row >= border.size + border.height) {
        fill(to, width);
      } else {
        fill(to, border.size);
        fill(to + row_bytes - border.size * border.pixel_bytes, border.size);
      }
    }
  });
}

}  // namespace groupnet
