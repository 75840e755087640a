// Images without a library: binary PPM and PGM files.
#pragma once

#include <string>

#include "cli/images/image.h"

namespace groupnet_tool {

// See `read_rgb`; for a P6 or P5 file.
Image read_netpbm(const ImageFile& file);

// Grey, (height, width), to a P5 file. Throws std::runtime_error.
void write_grey(const std::string& path, const Image& image);
// RGB, (height, width, 3), to a P6 file. Throws the same.
void write_rgb(const std::string& path, const Image& image);

}  // namespace groupnet_tool
