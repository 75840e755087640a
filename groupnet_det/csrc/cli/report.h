// What groupnet-run prints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "include/groupnet.h"

namespace groupnet_tool {

struct ReportOptions {
  bool json = false;
  int top = 5;
};

// Classes with their probabilities, or the names and shapes of the maps; ends with a new line.
std::string report(const groupnet_model* model, const groupnet_result* result,
                   const ReportOptions& options);

// Objects with their classes, scores and boxes.
std::string report_objects(const groupnet_model* model, const groupnet_objects* objects,
                           int64_t height, int64_t width, const ReportOptions& options);

// The classes of a label map (height, width) with their shares of its pixels, the largest first.
std::string report_labels(const groupnet_model* model, const std::vector<int32_t>& labels,
                          int64_t height, int64_t width, const ReportOptions& options);

}  // namespace groupnet_tool
