#include "device_benchmark/processor.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <thread>

namespace groupnet_benchmark {

namespace {

// Implementer and part of ARM's Main ID Register, as Linux prints them.
const std::map<std::string, std::string> kArmCores = {
    {"0x41 0xd03", "Cortex-A53"},   {"0x41 0xd04", "Cortex-A35"},  {"0x41 0xd05", "Cortex-A55"},
    {"0x41 0xd07", "Cortex-A57"},   {"0x41 0xd08", "Cortex-A72"},  {"0x41 0xd09", "Cortex-A73"},
    {"0x41 0xd0a", "Cortex-A75"},   {"0x41 0xd0b", "Cortex-A76"},  {"0x41 0xd0c", "Neoverse-N1"},
    {"0x41 0xd0d", "Cortex-A77"},   {"0x41 0xd40", "Neoverse-V1"}, {"0x41 0xd41", "Cortex-A78"},
    {"0x41 0xd42", "Cortex-A78AE"}, {"0x41 0xd49", "Neoverse-N2"}, {"0x41 0xd4f", "Neoverse-V2"}};

std::string read(const char* path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  text.erase(std::find(text.begin(), text.end(), '\0'), text.end());
  return text;
}

// Key and value of a line such as "CPU part  : 0xd08"; empty where it has none.
std::pair<std::string, std::string> entry(const std::string& line) {
  const size_t colon = line.find(':');
  if (colon == std::string::npos) return {};
  const size_t end = line.find_last_not_of(" \t", colon == 0 ? 0 : colon - 1);
  const size_t value = line.find_first_not_of(" \t", colon + 1);
  return {line.substr(0, end + 1), value == std::string::npos ? "" : line.substr(value)};
}

}  // namespace

std::string processor_name(const std::string& cpuinfo) {
  std::istringstream lines(cpuinfo);
  std::set<std::string> names;
  std::string implementer;
  for (std::string line; std::getline(lines, line);) {
    const auto [key, value] = entry(line);
    if (key == "model name") names.insert(value);
    if (key == "CPU implementer") implementer = value;
    if (key == "CPU part") {
      const std::string number = implementer + " " + value;
      const auto known = kArmCores.find(number);
      names.insert(known == kArmCores.end() ? "ARM " + number : known->second);
    }
  }
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : " + ") + name;
  return joined.empty() ? "unknown" : joined;
}

Processor this_processor() {
  Processor processor;
  const std::string cpuinfo = read("/proc/cpuinfo");
  processor.name = processor_name(cpuinfo);
  processor.board = read("/proc/device-tree/model");
  processor.cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#if !defined(__x86_64__)
  // An emulator of programs shows the file of its own machine.
  processor.emulated = cpuinfo.find("vendor_id") != std::string::npos;
#endif
  return processor;
}

std::vector<int> thread_counts(int cores) {
  std::vector<int> counts;
  for (int count = 1; count < cores; count += count < 4 ? 1 : count) counts.push_back(count);
  counts.push_back(cores);
  return counts;
}

}  // namespace groupnet_benchmark
