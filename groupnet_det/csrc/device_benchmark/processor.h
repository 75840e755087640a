// The machine that the program runs on.
#pragma once

#include <string>
#include <vector>

namespace groupnet_benchmark {

struct Processor {
  std::string name;   // such as "Cortex-A72"
  std::string board;  // such as "Raspberry Pi 4 Model B Rev 1.4"; may be empty
  int cores = 1;      // that this process may use
  bool emulated = false;
};

Processor this_processor();

// The name in the text of /proc/cpuinfo; several kinds of cores are joined by " + ".
std::string processor_name(const std::string& cpuinfo);

// 1 to 4, then twice as many each time, up to all.
std::vector<int> thread_counts(int cores);

}  // namespace groupnet_benchmark
