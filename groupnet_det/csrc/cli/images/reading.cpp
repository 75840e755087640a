#include "cli/images/reading.h"

#include <cerrno>
#include <cstring>

#include "cli/images/jpeg.h"
#include "cli/images/netpbm.h"
#include "cli/images/png.h"

namespace groupnet_tool {

std::string readable_formats() {
  const std::string last = "binary PPM and PGM (P6, P5)";
  return std::string(kReadsPng ? "PNG, " : "") + (kReadsJpeg ? "JPEG, " : "") + last;
}

Image read_rgb(const std::string& path) {
  const ImageFile file(path);
  const int first = std::fgetc(file.stream());
  if (first == EOF) {
    file.fail(std::ferror(file.stream()) != 0 ? std::strerror(errno) : "it is cut short");
  }
  std::ungetc(first, file.stream());
  if (first == 'P') return read_netpbm(file);
  if (first == 0x89 && kReadsPng) return read_png(file);
  if (first == 0xFF && kReadsJpeg) return read_jpeg(file);
  file.fail("its format is not known; this program reads " + readable_formats());
}

}  // namespace groupnet_tool
