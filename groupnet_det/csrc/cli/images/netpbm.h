// Images without a library: binary PPM and PGM files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace groupnet_tool {

struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;
};

// RGB, (height, width, 3), of a P6 or P5 file of 8 bits; grey is put in all three. What follows the
// first image of a file is ignored. Throws std::runtime_error that names the file.
Image read_rgb(const std::string& path);

// Grey, (height, width), to a P5 file. Throws std::runtime_error.
void write_grey(const std::string& path, const Image& image);

}  // namespace groupnet_tool
