// Sizes of maps, where some do not fit.
#include <functional>
#include <string>

#include "check.h"
#include "core/error.h"
#include "core/ops/conv/conv.h"
#include "core/ops/stem.h"
#include "core/plan/shapes.h"
#include "maps.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

int add_buffer(Program& program) {
  BufferSpec buffer;
  buffer.channels = 1;
  program.buffers.push_back(buffer);
  return static_cast<int>(program.buffers.size()) - 1;
}

Stem& add_stem(Program& program) {
  auto stem = std::make_unique<Stem>();
  stem->name = "stem";
  stem->out_channels = 1;
  stem->sinks.float_buffer = add_buffer(program);
  program.steps.push_back(std::move(stem));
  return static_cast<Stem&>(*program.steps.back());
}

// Terms of one branch, or one of each branch, with these kernels and no padding.
void add_conv(Program& program, int input, const std::vector<int>& kernels, bool branches) {
  auto conv = std::make_unique<Conv>();
  conv->name = "conv";
  conv->out_channels = 1;
  for (int kernel : kernels) {
    if (branches || conv->branches.empty()) conv->branches.emplace_back();
    TermSpec& term = conv->branches.back().terms.emplace_back();
    term.input = input;
    term.conv = window_of(kernel, kernel, 1, 0, 1);
  }
  SinksSpec sinks;
  sinks.float_buffer = add_buffer(program);
  conv->branches.front().sinks = sinks;
  program.steps.push_back(std::move(conv));
}

bool is_refused(const Program& program, int64_t height, int64_t width) {
  try {
    infer_shapes(program, {1, height, width});
    return false;
  } catch (const Error& error) {
    return std::string(error.what()).find("step") == 0;
  }
}

// Terms whose kernels do not fit have no size, and no other term's size may stand for it.
void test_terms() {
  for (bool branches : {false, true}) {
    for (const std::vector<int>& kernels :
         {std::vector<int>{9}, {9, 1}, {1, 9}, {9, 9}, {9, 9, 1}, {1, 9, 1}}) {
      Program program;
      program.input_channels = 1;
      add_conv(program, add_stem(program).sinks.float_buffer, kernels, branches);
      std::string name = branches ? "branches" : "terms";
      for (int kernel : kernels) name += " " + std::to_string(kernel);
      check(is_refused(program, 4, 4), name + " on 4 x 4");
      check(is_refused(program, 4, 400) && is_refused(program, 400, 4), name + " on one long side");
      const bool one_size = kernels == std::vector<int>(kernels.size(), 9);
      check(is_refused(program, 9, 12) != one_size, name + " where all fit");
    }
  }
}

void test_pools() {
  Program program;
  program.input_channels = 1;
  Stem& stem = add_stem(program);
  stem.conv = window_of(5, 5, 1, 0, 1);
  stem.pool = window_of(2, 2, 2, 1, 1);
  check(is_refused(program, 4, 4), "a stem that does not fit, though its pooling does");
  check(!is_refused(program, 5, 5), "a stem that fits");
}

// More than 2^31 - 1 elements before a pooling, not after it.
void test_large() {
  Program program;
  program.input_channels = 1;
  Stem& stem = add_stem(program);
  stem.out_channels = 64;
  stem.pool = window_of(100, 100, 100, 0, 1);
  check(is_refused(program, 7000, 7000), "what comes before a pooling counts");
  check(!is_refused(program, 5000, 5000), "5000 x 5000 pixels");
}

void test_limits_of_input() {
  Program program;
  program.input_channels = 1;
  add_stem(program);
  const int64_t most = INT64_MAX;
  for (const ImageSize& size : {ImageSize{0, 1, 1},
                                {1, 0, 1},
                                {1, 1, -1},
                                {most, 1, 1},
                                {1, most, most},
                                {1, most, 1},
                                {most, most, most}}) {
    bool refused = false;
    try {
      infer_shapes(program, size);
    } catch (const Error&) {
      refused = true;
    }
    check(refused, "no images, or too many");
  }
}

}  // namespace

void test_shapes() {
  test_terms();
  test_pools();
  test_large();
  test_limits_of_input();
}

}  // namespace groupnet_test
