// What groupnet-run prints.
#pragma once

#include <string>

#include "include/groupnet.h"

namespace groupnet_tool {

struct ReportOptions {
  bool json = false;
  int top = 5;
};

// Classes with their probabilities, or the names and shapes of the maps; ends with a new line.
std::string report(const groupnet_model* model, const groupnet_result* result,
                   const ReportOptions& options);

}  // namespace groupnet_tool
