// The few lines of a test framework that the engine's own tests need.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace groupnet_test {

inline std::atomic<int> failures{0}, checks{0};

inline void check(bool ok, const std::string& what) {
  ++checks;
  if (ok) return;
  if (++failures <= 20) std::fprintf(stderr, "FAILED: %s\n", what.c_str());
}

// Where the test itself cannot go on.
[[noreturn]] inline void stop(const std::string& why) {
  std::fprintf(stderr, "error: %s\n", why.c_str());
  std::exit(2);
}

void test_binary_conv();
void test_detect();
void test_dense_terms();
void test_choice();
void test_json();
void test_memory_plan();
void test_messages();
void test_plain_steps();
void test_shapes();
void test_examples(const std::string& folder);
void test_strips(const std::string& folder);
void test_concurrency(const std::string& folder);
void test_broken_files(const std::string& folder, int mutations);

}  // namespace groupnet_test
