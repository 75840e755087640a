// Which steps run side by side, how long buffers live, and where they lie.
#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "core/detect/label_map.h"
#include "core/error.h"
#include "core/memory/arena.h"
#include "core/memory/memory_limit.h"
#include "core/plan/memory_plan.h"
#include "core/plan/planned_step.h"
#include "core/run/isa.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

// From one buffer to another one.
class Copy : public Step {
 public:
  Copy(int input, int output) : input_(input), output_(output) {}
  std::vector<int> reads() const override { return {input_}; }
  std::vector<int> writes() const override { return {output_}; }
  MapSize output_size(ShapeInference& shapes) const override { return shapes.of(input_); }
  std::unique_ptr<PlannedStep> plan(StepPlanner&) const override { return nullptr; }

 private:
  const int input_, output_;
};

void test_schedule() {
  Program program;
  program.buffers.resize(6);
  // 0 -> 1 and 0 -> 2 go side by side; 1 -> 3 needs the first; 2 -> 4 goes with it; 3 -> 2 would
  // overwrite what that one reads.
  for (const auto& [input, output] :
       std::vector<std::pair<int, int>>{{0, 1}, {0, 2}, {1, 3}, {2, 4}, {3, 2}}) {
    program.steps.push_back(std::make_unique<Copy>(input, output));
  }
  program.outputs = {{"out", 4}};
  const Schedule schedule(program);
  check(schedule.sections == std::vector<int64_t>{0, 0, 1, 1, 2}, "sections of steps");
  const auto lives = [&](int buffer, int64_t first, int64_t last) {
    const Lifetime& life = schedule.lives[static_cast<size_t>(buffer)];
    check(life.first == first && life.last == last, "life of buffer " + std::to_string(buffer) +
                                                        ": " + std::to_string(life.first) + " to " +
                                                        std::to_string(life.last));
  };
  lives(0, 0, 0);
  lives(1, 0, 1);
  lives(2, 0, 2);
  lives(3, 1, 2);
  lives(4, 1, 3);
  check(!schedule.lives[5].overlaps({0, 100}), "what no step names lives never");
}

void test_place(std::mt19937& random) {
  std::vector<Piece> pieces(random() % 40 + 1);
  size_t total = 0, largest = 0;
  for (Piece& piece : pieces) {
    piece.bytes = random() % 5000;
    piece.life.include(random() % 20);
    piece.life.include(random() % 20);
    total += (piece.bytes + 63) / 64 * 64;
  }
  const size_t whole = place(pieces);
  bool apart = true;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& a = pieces[i];
    apart = apart && a.offset % 64 == 0 && a.offset + a.bytes <= whole;
    for (size_t j = 0; j < i; ++j) {
      const Piece& b = pieces[j];
      const bool shares = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      apart = apart && !(shares && a.life.overlaps(b.life));
    }
  }
  for (int64_t time = 0; time < 20; ++time) {
    size_t alive = 0;
    for (const Piece& piece : pieces) {
      if (piece.life.overlaps({time, time})) alive += piece.bytes;
    }
    largest = std::max(largest, alive);
  }
  check(apart, "pieces that live at the same time do not overlap");
  check(largest <= whole && whole <= total, "the whole is no larger than all pieces");
}

// Nothing is taken where it would be too much.
void test_limits() {
  LabelMap map;
  map.channels = 65536;
  map.height = map.width = map.out_height = 1;
  map.out_width = 1 << 20;
  ThreadPool pool;
  const std::vector<std::function<void()>> all = {
      [] { Slab().fit((size_t{8} << 30) + 1); },
      [] { Arena().make<uint8_t>((size_t{8} << 30) + 1); },
      [] { Arena().make<int64_t>(SIZE_MAX / 4); },  // whose bytes pass 64 bits
      [] { check_memory(size_t{1} << 40, size_t{1} << 40); },
      [&] { label_map(map, pool, 2, nullptr); }};
  for (size_t i = 0; i < all.size(); ++i) {
    std::string reason = "none";
    try {
      all[i]();
    } catch (const Error& error) {
      reason = error.what();
    }
    check(reason.find("8 GiB") != std::string::npos, "limit " + std::to_string(i) + ": " + reason);
  }
  check_memory(size_t{8} << 30);
  check_memory(size_t{1} << 30, 8);
  check_memory(size_t{9} << 30, 0);
}

// However large the window of a pooling, no more rows than there are.
void test_stem_scratch() {
  for (const KernelTable* kernels : available_kernels()) {
    StemArgs args;
    args.conv_height = 3;
    args.conv_width = 5;
    args.pool_kernel = 3;
    const int64_t whole = kernels->stem_scratch(args);
    args.pool_kernel = 4096;
    check(kernels->stem_scratch(args) == whole, std::string(kernels->name) + " scratch of a stem");
    args.pool_kernel = 2;
    check(kernels->stem_scratch(args) < whole, std::string(kernels->name) + " scratch of a ring");
  }
}

}  // namespace

void test_memory_plan() {
  test_stem_scratch();
  test_schedule();
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) test_place(random);
  std::vector<Piece> chain(10);
  for (size_t i = 0; i < chain.size(); ++i) {
    chain[i].bytes = 6400;
    chain[i].life = {static_cast<int64_t>(i), static_cast<int64_t>(i) + 1};
  }
  check(place(chain) == 2 * 6400, "a chain of maps needs two of them");
  Slab slab;
  slab.fit(100 << 20);
  const uint8_t* memory = slab.data();
  slab.fit(80 << 20);
  check(slab.data() == memory && slab.capacity() == 100 << 20, "a slab is used again");
  slab.fit(1000);
  check(slab.capacity() < 1 << 20, "a slab that is far too large is given up");
  test_limits();
}

}  // namespace groupnet_test
