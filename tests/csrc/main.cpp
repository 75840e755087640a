// Tests of the engine without torch: test_engine EXAMPLES [MUTATIONS [concurrency]]
//
// EXAMPLES is a folder of packed files with their expected values (tests/csrc/write_examples.py).
#include <cstdio>
#include <cstdlib>
#include <string>

#include "check.h"
#include "core/isa.h"

int main(int argc, char** argv) {
  using namespace groupnet_test;
  if (argc < 2) stop("usage: test_engine EXAMPLES [MUTATIONS [concurrency]]");
  const std::string folder = argv[1];
  const int mutations = argc > 2 ? std::atoi(argv[2]) : 1000;
  std::printf("instruction sets:");
  for (const auto* table : groupnet::available_kernels()) std::printf(" %s", table->name);
  std::printf("\n");
  test_concurrency(folder);
  if (argc <= 3) {  // all others
    test_json();
    test_choice();
    test_binary_conv();
    test_plain_steps();
    test_memory_plan();
    test_dense_terms();
    test_answers();
    test_examples(folder);
    test_broken_files(folder, mutations);
  }
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
