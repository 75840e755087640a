// JPEG files, by libjpeg where it was there when this program was compiled (GROUPNET_JPEG).
#pragma once

#include "cli/images/image.h"

namespace groupnet_tool {

#ifdef GROUPNET_JPEG
constexpr bool kReadsJpeg = true;
#else
constexpr bool kReadsJpeg = false;
#endif

// See `read_rgb`.
Image read_jpeg(const ImageFile& file);

}  // namespace groupnet_tool
