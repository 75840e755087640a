// Steps in strips of rows: which rows come before which, and the bits of steps as a whole.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/plan/planned_step.h"
#include "core/plan/strips/strip_plan.h"
#include "core/run/network.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

// Reads windows of rows, and writes.
class Rows : public Step {
 public:
  std::vector<RowWindow> windows;
  std::vector<int> targets;

  std::vector<int> writes() const override { return targets; }
  std::optional<std::vector<RowWindow>> row_windows() const override { return windows; }
  MapSize output_size(ShapeInference&) const override { return {1, 1}; }
  std::unique_ptr<PlannedStep> plan(StepPlanner&) const override { return nullptr; }
};

const Rows& step_of(const Program& program, size_t step) {
  return static_cast<const Rows&>(*program.steps[step]);
}

bool writes(const Rows& step, int buffer) {
  return std::count(step.targets.begin(), step.targets.end(), buffer) > 0;
}

// Whether the step reads a row of a buffer for row y of what it writes.
bool reads(const Rows& step, int64_t y, int buffer, int64_t row) {
  return std::any_of(step.windows.begin(), step.windows.end(), [&](const RowWindow& window) {
    const int64_t first = y * window.stride - window.padding;
    return window.buffer == buffer && first <= row && row < first + window.span;
  });
}

// Windows of any kind, and places in which more than one step writes.
Program random_program(std::mt19937& random) {
  Program program;
  const auto draw = [&](int count) { return static_cast<int>(random() % count); };
  const int buffers = 3 + draw(4);
  program.buffers.resize(static_cast<size_t>(buffers));
  for (int count = 2 + draw(5); count > 0; --count) {
    auto step = std::make_unique<Rows>();
    step->targets.push_back(draw(buffers));
    if (draw(2) == 0) step->targets.push_back((step->targets[0] + 1) % buffers);
    for (int reads = draw(4); reads > 0; --reads) {
      RowWindow window;
      window.buffer = draw(buffers);
      if (!writes(*step, window.buffer)) {  // else in place, row by row
        window.span = 1 + draw(5);
        window.padding = draw(static_cast<int>(window.span) + 1);
        window.stride = draw(8) == 0 ? draw(3) : 1;
      }
      step->windows.push_back(window);
    }
    program.steps.push_back(std::move(step));
  }
  return program;
}

// Where a row of a step is computed, and what is known to be done before.
struct Place {
  size_t thread = 0, number = 0;
  int64_t shift = 0;
  std::vector<int64_t> before;  // tasks of each thread
  int times = 0;

  bool is_after(const Place& other) const {
    return before[other.thread] > static_cast<int64_t>(other.number);
  }
};

// Of each row of each step.
std::vector<std::vector<Place>> places_of(const StripPlan& plan, size_t steps, int64_t height) {
  std::vector<std::vector<Place>> places(steps, std::vector<Place>(static_cast<size_t>(height)));
  std::vector<std::vector<std::vector<int64_t>>> known(plan.size());
  for (size_t thread = plan.size(); thread-- > 0;) {
    std::vector<int64_t> before(plan.size());
    for (const StripTask& task : plan[thread]) {
      for (const TasksOfThread& needed : task.needs) {
        const auto other = static_cast<size_t>(needed.thread);
        check(other > thread, "a thread waits for threads below alone");
        const auto& theirs = known[other][static_cast<size_t>(needed.count) - 1];
        for (size_t i = 0; i < before.size(); ++i) before[i] = std::max(before[i], theirs[i]);
      }
      for (int64_t row = task.first_row; row < task.end_row; ++row) {
        Place& place = places[task.step][static_cast<size_t>(row)];
        const int times = place.times + 1;
        place = {thread, known[thread].size(), task.shift, before, times};
      }
      ++before[thread];
      known[thread].push_back(before);
    }
  }
  return places;
}

void check_order(const Program& program, const std::vector<std::vector<Place>>& places,
                 int64_t height, const std::string& what) {
  const auto at = [&](size_t step, int64_t row) -> const Place& {
    return places[step][static_cast<size_t>(row)];
  };
  bool once = true, ordered = true, rings = true;
  const size_t steps = program.steps.size();
  for (size_t step = 0; step < steps; ++step) {
    for (int64_t y = 0; y < height; ++y) {
      once = once && at(step, y).times == 1;
      rings = rings && at(step, y).shift == at(0, y).shift && at(step, y).shift <= y;
    }
  }
  for (size_t j = 1; j < steps; ++j) {
    for (size_t i = 0; i < j; ++i) {
      const Rows &earlier = step_of(program, i), &later = step_of(program, j);
      for (int64_t y = 0; y < height; ++y) {
        for (int64_t row = 0; row < height; ++row) {
          bool touch = false;
          for (int buffer = 0; buffer < static_cast<int>(program.buffers.size()); ++buffer) {
            const bool first = writes(earlier, buffer), then = writes(later, buffer);
            touch = touch || (first && reads(later, row, buffer, y)) ||
                    (then && reads(earlier, y, buffer, row)) || (first && then && y == row);
          }
          if (touch) ordered = ordered && at(j, row).is_after(at(i, y));
        }
      }
    }
  }
  // Rows that share a place in memory: one is done with before the other begins.
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t row = 0; row < y; ++row) {
      if (y - at(0, y).shift != row - at(0, row).shift) continue;
      for (size_t i = 0; i < steps; ++i) {
        for (size_t j = 0; j < steps; ++j) rings = rings && at(i, y).is_after(at(j, row));
      }
    }
  }
  check(once, what + ": each row once");
  check(ordered, what + ": rows in the order of the program");
  check(rings, what + ": rows that share memory");
}

void test_plans() {
  std::mt19937 random(7);
  for (int i = 0; i < 150; ++i) {
    const Program program = random_program(random);
    const auto height = static_cast<int64_t>(1 + random() % 24);
    const RowOrder order(program, 0, program.steps.size(), height);
    std::vector<RowWork> work(order.num_steps());
    for (size_t step = 0; step < work.size(); ++step) {
      work[step].cycles = static_cast<double>(random() % 3);
      if (step_of(program, step).windows.empty()) work[step].at_once = 1 + random() % 5;
    }
    for (int threads : {1, 2, 3, 6}) {
      for (int64_t rows : {1, 2, 5, 100}) {
        const StripPlan plan = plan_strips(order, work, rows, threads);
        check_order(program, places_of(plan, order.num_steps(), height), height,
                    "plan " + std::to_string(i) + ", " + std::to_string(threads) + " threads, " +
                        std::to_string(rows) + " rows");
      }
    }
  }
}

// Four convolutions of 3 x 3, each with its residual in place: strips get ahead by a row for each,
// threads have about the same work, and a few rows of memory are enough.
void test_chain_of_convolutions() {
  Program program;
  program.buffers.resize(6);
  for (int i = 0; i < 4; ++i) {
    auto step = std::make_unique<Rows>();
    step->windows = {{i, 1, 1, 3}, {5}};
    step->targets = {i + 1, 5};
    program.steps.push_back(std::move(step));
  }
  const RowOrder order(program, 0, 4, 100);
  check(order.ends_for(10) == std::vector<int64_t>{13, 12, 11, 10}, "how far steps get ahead");
  check(order.ends_for(99) == std::vector<int64_t>{100, 100, 100, 99}, "and not beyond the map");
  check(order.cuts_from(50) == std::vector<int64_t>{50, 51, 52, 53}, "cuts between threads");
  const StripPlan plan = plan_strips(order, std::vector<RowWork>(4, {1}), 2, 2);
  int64_t rows[2] = {0, 0}, most = 0;
  for (size_t thread = 0; thread < 2; ++thread) {
    for (const StripTask& task : plan[thread]) {
      rows[thread] += task.end_row - task.first_row;
      if (thread == 0 && task.end_row <= 48) most = std::max(most, task.end_row - task.shift);
    }
  }
  check(rows[0] + rows[1] == 400 && std::abs(rows[0] - rows[1]) <= 4, "work of two threads");
  check(most <= 8, "rows of memory: " + std::to_string(most));
}

StripRule strips_of(int64_t rows) {
  StripRule rule;
  rule.cache_bytes = 0;
  rule.rows = rows;
  rule.share_ahead = 1;
  return rule;
}

// The most rows that a chain has its first step ahead of its last one.
int64_t most_ahead(const Network& network, const ImageSize& size, const StripRule& rule) {
  const Program& program = network.program();
  const Shapes shapes = infer_shapes(program, size);
  int64_t most = 0;
  for (const StripChain& chain : choose_strips(program, shapes, size, rule)) {
    const int64_t height = shapes.steps[chain.first].height;
    const RowOrder order(program, chain.first, chain.end, height);
    const int64_t ahead = order.ends_for(1).front() - 1;
    check(ahead * rule.share_ahead <= height, "a thread waits for few rows");
    most = std::max(most, ahead);
  }
  return most;
}

// Outputs of the second run, which finds in memory what the first one left.
std::vector<std::vector<float>> outputs_of(Network& network, Workspace& workspace,
                                           const std::vector<uint8_t>& image, int threads) {
  for (int i = 0; i < 2; ++i) network.run(workspace, image.data(), threads);
  std::vector<std::vector<float>> outputs;
  for (const auto& [name, buffer] : network.program().outputs) {
    const BufferMemory& memory = workspace.buffers()[buffer];
    const int channels = network.program().buffers[buffer].channels;
    outputs.emplace_back(static_cast<size_t>(memory.height * memory.width * channels));
    network.read_floats(workspace, buffer, outputs.back().data());
  }
  return outputs;
}

void compare(const std::filesystem::path& path, const KernelTable& kernels) {
  Network network(PackedFile::open(path.string()), kernels);
  const ImageSize size{1, 41, 23};
  std::vector<uint8_t> image(static_cast<size_t>(size.height * size.width) * 3);
  std::mt19937 random(3);
  for (uint8_t& byte : image) byte = static_cast<uint8_t>(random());
  Workspace whole(network.program(), kernels, size, {}, StripRule::never());
  check(whole.strips().empty(), "no strips where the rule says so");
  StripRule few = strips_of(0);
  few.share_ahead = 16;
  check(most_ahead(network, size, few) <= most_ahead(network, size, strips_of(0)),
        "fewer rows are ahead where fewer may be");
  const auto expected = outputs_of(network, whole, image, 1);
  for (int64_t rows : {1, 2, 3, 10}) {
    Workspace strips(network.program(), kernels, size, {}, strips_of(rows));
    check(!strips.strips().empty(), path.string() + " has a chain");
    for (int threads : {1, 2, 3}) {
      const auto got = outputs_of(network, strips, image, threads);
      bool same = true;
      for (size_t i = 0; i < got.size(); ++i) {
        same = same && std::memcmp(got[i].data(), expected[i].data(), 4 * got[i].size()) == 0;
      }
      check(same, path.stem().string() + " " + kernels.name + " in strips of " +
                      std::to_string(rows) + " in " + std::to_string(threads) + " threads");
    }
  }
}

}  // namespace

void test_strips(const std::string& folder) {
  test_plans();
  test_chain_of_convolutions();
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    ++count;
    try {
      for (const KernelTable* kernels : available_kernels()) compare(entry.path(), *kernels);
    } catch (const Error& error) {
      check(false, entry.path().string() + ": " + error.what());
    }
  }
  if (count == 0) stop("no packed files in " + folder);
}

}  // namespace groupnet_test
