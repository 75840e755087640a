// The words that groupnet-run is called with.
#pragma once

#include <stdexcept>
#include <string>

#include "cli/report.h"
#include "include/groupnet.h"

namespace groupnet_tool {

extern const char* const kUsage;

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string model, image, output, map, draw;
  int threads = 0, bases = 0;
  double score_threshold = GROUPNET_OWN_SCORE_THRESHOLDS;
  bool help = false;
  ReportOptions report;
};

// Throws UsageError.
Options parse(int argc, char** argv);

}  // namespace groupnet_tool
