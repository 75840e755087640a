// Run-length encoding of masks as COCO has it: groupnet_det/runtime/results/run_lengths.py in C++.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace groupnet_tool {

// The text for a mask (height, width) of 0 and 1, in which nothing needs to be escaped in JSON but
// a backslash.
std::string run_lengths(const std::vector<uint8_t>& mask, int64_t height, int64_t width);

}  // namespace groupnet_tool
