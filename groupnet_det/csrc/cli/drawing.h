// Objects over their image.
#pragma once

#include <string>

#include "cli/images/image.h"
#include "include/groupnet.h"

namespace groupnet_tool {

// Whether `write_picture` knows the format: PPM, and PNG where this program was compiled with it.
bool is_picture(const std::string& path);
void write_picture(const std::string& path, const Image& image);

// Draws boxes and masks in the colours of their classes, the boxes of the most certain objects
// above the others.
void draw_objects(const groupnet_model* model, const groupnet_objects* objects, Image& image);

}  // namespace groupnet_tool
