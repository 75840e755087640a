// PNG files, by libpng where it was there when this program was compiled (GROUPNET_PNG).
#pragma once

#include <string>

#include "cli/images/image.h"

namespace groupnet_tool {

#ifdef GROUPNET_PNG
constexpr bool kReadsPng = true;
#else
constexpr bool kReadsPng = false;
#endif

// See `read_rgb`.
Image read_png(const ImageFile& file);

// RGB, (height, width, 3). Throws std::runtime_error.
void write_png(const std::string& path, const Image& image);

}  // namespace groupnet_tool
