// How a camera was held: the EXIF orientation.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cli/images/image.h"

namespace groupnet_tool {

// Of EXIF data from its TIFF header on: 1 to 8, and 1 where it names none.
int exif_orientation(const uint8_t* data, size_t size);

// An RGB image, mirrored and turned so that it is upright.
Image upright(Image image, int orientation);

}  // namespace groupnet_tool
