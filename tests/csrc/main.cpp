// Tests of the engine without torch: test_engine EXAMPLES [MUTATIONS [GROUP ...]]
//
// EXAMPLES is a folder of packed files with their expected values (tests/csrc/write_examples.py).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "core/run/isa.h"

namespace {

using Groups = std::vector<std::pair<std::string, std::function<void()>>>;

Groups all_groups(const std::string& folder, int mutations) {
  using namespace groupnet_test;
  return {{"concurrency", [=] { test_concurrency(folder); }},
          {"json", test_json},
          {"messages", test_messages},
          {"choice", test_choice},
          {"binary_conv", test_binary_conv},
          {"plain_steps", test_plain_steps},
          {"memory_plan", test_memory_plan},
          {"shapes", test_shapes},
          {"dense_terms", test_dense_terms},
          {"detect", test_detect},
          {"examples", [=] { test_examples(folder); }},
          {"strips", [=] { test_strips(folder + "/strips"); }},
          {"broken_files", [=] { test_broken_files(folder, mutations); }}};
}

void run(const std::string& name, const std::function<void()>& test) {
  const auto start = std::chrono::steady_clock::now();
  test();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("%-13s %6.1f s\n", name.c_str(), seconds.count());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace groupnet_test;
  if (argc < 2) stop("usage: test_engine EXAMPLES [MUTATIONS [GROUP ...]]");
  const int mutations = argc > 2 ? std::atoi(argv[2]) : 1000;
  const std::set<std::string> chosen(argv + std::min(argc, 3), argv + argc);
  std::printf("instruction sets:");
  for (const auto* table : groupnet::available_kernels()) std::printf(" %s", table->name);
  std::printf("\n");
  size_t ran = 0;
  for (const auto& [name, test] : all_groups(argv[1], mutations)) {
    if (!chosen.empty() && chosen.count(name) == 0) continue;
    run(name, test);
    ++ran;
  }
  if (ran < chosen.size()) stop("unknown group of tests");
  std::printf("%d checks, %d failed\n", checks.load(), failures.load());
  return failures == 0 ? 0 : 1;
}
