// Images of all formats that this build reads.
#pragma once

#include <string>

#include "cli/images/image.h"

namespace groupnet_tool {

// For people: the formats.
std::string readable_formats();

// RGB, (height, width, 3), upright, of a file of 8 bits; grey is put in all three, alpha is
// dropped. What follows the first image of a file is ignored. Throws std::runtime_error that names
// the file.
Image read_rgb(const std::string& path);

}  // namespace groupnet_tool
