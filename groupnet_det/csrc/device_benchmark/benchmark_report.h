// What the program prints.
#pragma once

#include <string>
#include <vector>

#include "device_benchmark/processor.h"
#include "device_benchmark/timing.h"

namespace groupnet_benchmark {

struct Figures {
  Processor processor;
  std::string instruction_set;
  std::vector<ModelRuns> models;
  std::vector<bool> equal;  // of each model: whether its outputs have the reference's checksum
  std::vector<Times> times;
  std::vector<BarrierTime> barriers;
};

// For people.
std::string table(const Figures& figures);

// The same as one line.
std::string json_line(const Figures& figures);

}  // namespace groupnet_benchmark
