// One network, one model, many threads: the same bits as one thread alone gives.
#include <array>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "capi/model.h"
#include "check.h"
#include "core/error.h"
#include "core/thread_pool.h"
#include "include/groupnet.h"

namespace groupnet_test {

namespace {

using namespace groupnet;

constexpr int kCallers = 8, kRounds = 12;

std::vector<uint8_t> noise(size_t size, uint32_t seed) {
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) {
    seed = seed * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(seed >> 24);
  }
  return bytes;
}

// Images of two sizes, and what one thread gives for each.
struct Case {
  ImageSize size;
  std::vector<uint8_t> image;
  std::vector<Output> expected;
};

std::vector<Case> make_cases(const Model& model) {
  std::vector<Case> cases;
  for (int i = 0; i < 4; ++i) {
    Case made;
    made.size = {1 + i / 2, 19 + 5 * (i % 2), 23};
    made.image = noise(static_cast<size_t>(made.size.images * made.size.height * 23 * 3),
                       static_cast<uint32_t>(i));
    made.expected = model.run(made.image.data(), made.size, 1);
    cases.push_back(std::move(made));
  }
  return cases;
}

bool same(const std::vector<Output>& got, const std::vector<Output>& expected) {
  bool equal = got.size() == expected.size();
  for (size_t i = 0; equal && i < got.size(); ++i) {
    equal = got[i].values.size() == expected[i].values.size() &&
            std::memcmp(got[i].values.data(), expected[i].values.data(),
                        4 * expected[i].values.size()) == 0;
  }
  return equal;
}

template <class Work>
void in_threads(const Work& work) {
  std::vector<std::thread> threads;
  for (int caller = 0; caller < kCallers; ++caller) threads.emplace_back(work, caller);
  for (auto& thread : threads) thread.join();
}

// Threads of the pool that have no part in a job must not disturb the next one, which may have
// more.
void test_thread_pool() {
  ThreadPool pool;
  for (int i = 0; i < 3000; ++i) {
    const int threads = i % 2 == 0 ? 5 : 2;
    std::array<std::atomic<int>, 5> calls{};
    std::atomic<int> strangers{0};
    pool.run(threads, [&](int thread, int active) {
      calls[static_cast<size_t>(thread)].fetch_add(1);
      strangers.fetch_add(active != threads);
    });
    bool right = strangers.load() == 0;
    for (int thread = 0; thread < 5; ++thread) {
      right = right && calls[static_cast<size_t>(thread)].load() == (thread < threads ? 1 : 0);
    }
    check(right, "each thread has its part of job " + std::to_string(i) + " once");
  }
}

// Threads of another runtime are taken where it has some; else the pool's own.
void test_threads_of_another_runtime() {
  const ThreadPool::Team teams[] = {
      [](int, const ThreadPool::Job& job) {
        job(0, 1);
        return true;
      },
      [](int, const ThreadPool::Job&) { return false; },
  };
  const int expected[] = {1, 3};
  for (int i = 0; i < 2; ++i) {
    ThreadPool pool(teams[i]);
    std::atomic<int> calls{0}, strangers{0};
    pool.run(3, [&](int, int active) {
      calls.fetch_add(1);
      strangers.fetch_add(active != expected[i]);
    });
    check(calls.load() == expected[i] && strangers.load() == 0,
          i == 0 ? "a job runs in the threads of another runtime" : "a job that it does not take");
  }
}

void test_changing_numbers_of_threads(const Model& model, const std::vector<Case>& cases) {
  for (int i = 0; i < 200; ++i) {
    const Case& one = cases[static_cast<size_t>(i) % cases.size()];
    const int threads = 1 + i * 7 % 5;
    check(same(model.run(one.image.data(), one.size, threads), one.expected),
          "run " + std::to_string(i) + " in " + std::to_string(threads) + " threads");
  }
}

void test_shared_model(const Model& model, const std::vector<Case>& cases) {
  std::vector<int> wrong(kCallers, 0);
  in_threads([&](int caller) {
    for (int round = 0; round < kRounds; ++round) {
      const Case& one = cases[static_cast<size_t>(caller + round) % cases.size()];
      const int threads = 1 + (caller + round) % 3;
      wrong[static_cast<size_t>(caller)] +=
          !same(model.run(one.image.data(), one.size, threads), one.expected);
    }
  });
  for (int count : wrong) check(count == 0, "answers of a model that eight threads share");
}

std::vector<float> run_c(const groupnet_model* model, const std::vector<uint8_t>& image,
                         int threads) {
  groupnet_error error;
  groupnet_result* result = groupnet_run(model, image.data(), 30, 40, threads, &error);
  if (result == nullptr) stop(error.message);
  const groupnet_output* output = groupnet_get_output(result, 0);
  std::vector<float> values(output->values, output->values + output->shape[3]);
  groupnet_free(result);
  return values;
}

// Each caller shares one model, and opens and closes one of its own.
void test_c_interface(const std::string& path) {
  const auto image = noise(30 * 40 * 3, 7);
  groupnet_model* shared = groupnet_open(path.c_str(), nullptr);
  if (shared == nullptr) stop(path + " cannot be opened");
  const std::vector<float> expected = run_c(shared, image, 1);
  std::vector<int> wrong(kCallers, 0);
  in_threads([&](int caller) {
    for (int round = 0; round < 4; ++round) {
      groupnet_model* own = groupnet_open(path.c_str(), nullptr);
      wrong[static_cast<size_t>(caller)] += run_c(own, image, 2) != expected;
      groupnet_close(own);
      wrong[static_cast<size_t>(caller)] += run_c(shared, image, 2) != expected;
    }
  });
  for (int count : wrong) check(count == 0, "answers of the C interface in eight threads");
  groupnet_close(shared);
}

}  // namespace

void test_concurrency(const std::string& folder) {
  const std::string path = folder + "/tiny_groupnet.gnp";
  test_thread_pool();
  test_threads_of_another_runtime();
  try {
    const Model model = Model::open(path);
    const std::vector<Case> cases = make_cases(model);
    test_changing_numbers_of_threads(model, cases);
    test_shared_model(model, cases);
    test_c_interface(path);
  } catch (const Error& error) {
    check(false, path + ": " + error.what());
  }
}

}  // namespace groupnet_test
