// What groupnet-run prints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "include/groupnet.h"

namespace groupnet_tool {

// The size of an image.
struct Size {
  int64_t height = 0, width = 0;
};

struct ReportOptions {
  bool json = false;
  int top = 5;
};

// Classes with their probabilities, or the names and shapes of the maps; ends with a new line.
std::string report(const groupnet_model* model, const groupnet_result* result,
                   const ReportOptions& options);

// Objects with their classes, scores and boxes.
std::string report_objects(const groupnet_model* model, const groupnet_objects* objects,
                           const Size& size, const ReportOptions& options);

// The segments of a map (height, width) with their shares of its pixels.
std::string report_segments(const groupnet_model* model, const groupnet_segments* segments,
                            const std::vector<int32_t>& map, const Size& size,
                            const ReportOptions& options);

// The mask of an object, (height, width) of 0 and 1. Throws std::runtime_error.
std::vector<uint8_t> mask_of(const groupnet_objects* objects, int64_t number, const Size& size);

// The classes of a label map (height, width) with their shares of its pixels, the largest first.
std::string report_labels(const groupnet_model* model, const std::vector<int32_t>& labels,
                          int64_t height, int64_t width, const ReportOptions& options);

}  // namespace groupnet_tool
