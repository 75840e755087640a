// groupnet-benchmark: times the models that are linked into it. Needs no file and no library.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "device_benchmark/benchmark_report.h"

namespace {

using namespace groupnet_benchmark;

constexpr const char* kUsage =
    "usage: groupnet-benchmark [--rounds N] [--burst-ms N] [--threads N]\n"
    "                          [--model TEXT] [--check]\n"
    "\n"
    "  --rounds N    every model has its turn so often (7)\n"
    "  --burst-ms N  runs in a row within a turn, of which the fastest counts (100)\n"
    "  --threads N   only with so many; without it, 1 to one per core\n"
    "  --model TEXT  only models with this text in their names\n"
    "  --check       compare the outputs with the reference's, and time nothing\n"
    "\n"
    "The last line is JSON: send it to share the figures of your machine.\n";

struct Options {
  TimingOptions timing;
  int threads = 0;  // 0 for all numbers
  std::string model;
  bool check = false, help = false;
};

// Whether the words are options.
bool parse(int argc, char** argv, Options& options) {
  const auto number = [&](int& i) {
    const int value = i + 1 < argc ? std::atoi(argv[++i]) : 0;
    return value >= 1 && value <= 100000 ? value : 0;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    int value = 1;
    if (word == "--rounds") {
      options.timing.rounds = value = number(i);
    } else if (word == "--burst-ms") {
      value = number(i);
      options.timing.burst_seconds = value / 1000.0;
    } else if (word == "--threads") {
      value = number(i);
      options.threads = std::min(value, 256);
    } else if (word == "--model") {
      value = ++i < argc;
      if (value != 0) options.model = argv[i];
    } else if (word == "--check") {
      options.check = true;
    } else if (word == "--help" || word == "-h") {
      options.help = true;
    } else {
      value = 0;
    }
    if (value == 0) return false;
  }
  return true;
}

// Whether the outputs are the reference's, with several threads and more than there may be cores.
bool is_equal(const ModelRuns& model, int cores) {
  const int threads[] = {1, 4, cores};
  return std::all_of(std::begin(threads), std::end(threads),
                     [&](int count) { return model.checksum(count) == model.model().checksum; });
}

// Returns whether all outputs are the reference's.
bool run(const Options& options) {
  Figures figures;
  figures.processor = this_processor();
  const int cores = figures.processor.cores;
  for (size_t i = 0; i < kNumModels; ++i) {
    if (std::string(kModels[i].name).find(options.model) == std::string::npos) continue;
    figures.models.emplace_back(kModels[i]);
  }
  if (figures.models.empty()) throw std::runtime_error("no model has this text in its name");
  for (const ModelRuns& model : figures.models) figures.equal.push_back(is_equal(model, cores));
  figures.instruction_set = figures.models.front().instruction_set();
  if (!options.check) {
    const auto threads =
        options.threads > 0 ? std::vector<int>{options.threads} : thread_counts(cores);
    figures.barriers = time_barriers(threads, options.timing.rounds);
    figures.times = time_in_turns(figures.models, threads, options.timing);
  }
  std::printf("%s\n%s\n", table(figures).c_str(), json_line(figures).c_str());
  return std::all_of(figures.equal.begin(), figures.equal.end(), [](bool equal) { return equal; });
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr, "%s", kUsage);
    return 2;
  }
  if (options.help) {
    std::printf("%s", kUsage);
    return 0;
  }
  try {
    if (run(options)) return 0;
    std::fprintf(stderr, "error: outputs differ from the reference's; see the first table\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  }
  return 1;
}
