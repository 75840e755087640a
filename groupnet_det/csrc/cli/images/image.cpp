#include "cli/images/image.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace groupnet_tool {

ImageFile::ImageFile(const std::string& path)
    : path_(path), file_(std::fopen(path.c_str(), "rb"), std::fclose) {
  if (file_ == nullptr) fail(std::string("it cannot be opened: ") + std::strerror(errno));
}

void ImageFile::fail(const std::string& reason) const {
  throw std::runtime_error("image " + path_ + " cannot be read: " + reason);
}

void ImageFile::check_size(int64_t height, int64_t width) const {
  if (width <= 0 || height <= 0) fail("it holds no pixel");
  if (width > kMaxPixels / height) {
    fail(std::to_string(width) + " x " + std::to_string(height) + " pixels are more than " +
         std::to_string(kMaxPixels));
  }
}

void fail_to_write(const std::string& path) {
  throw std::runtime_error(path + " cannot be written: " + std::strerror(errno));
}

}  // namespace groupnet_tool
