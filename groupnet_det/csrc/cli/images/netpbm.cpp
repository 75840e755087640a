#include "cli/images/netpbm.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace groupnet_tool {

namespace {

constexpr int64_t kMaxNumber = 1000000000;

class Reader {
 public:
  explicit Reader(const ImageFile& file) : file_(file) {}

  Image read() {
    const int channels = read_magic();
    const int64_t width = number("width"), height = number("height");
    const int64_t greatest = number("greatest value");
    file_.check_size(height, width);
    if (greatest == 0 || greatest > 65535) fail("its greatest value is not 1 to 65535");
    if (greatest > 255) fail("it has 16 bits a channel; convert it to 8");
    if (greatest != 255) {
      fail("its greatest value is " + std::to_string(greatest) + "; only 255 is read");
    }
    Image image;
    image.height = height;
    image.width = width;
    const auto size = static_cast<size_t>(height * width * channels);
    std::vector<uint8_t> bytes = take(size);
    if (bytes.size() < size) {
      fail("it is cut short: " + std::to_string(bytes.size()) + " of " + std::to_string(size) +
           " bytes");
    }
    image.pixels = channels == 3 ? std::move(bytes) : spread(bytes);
    return image;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const { file_.fail(reason); }

  int read_magic() {
    char magic[2] = {};
    if (std::fread(magic, 1, 2, file_.stream()) < 2) {
      fail(std::ferror(file_.stream()) != 0 ? std::strerror(errno) : "it is cut short");
    }
    const int next = std::fgetc(file_.stream());
    if (magic[0] != 'P' || magic[1] < '1' || magic[1] > '7' || (next != '#' && !is_space(next))) {
      fail("it is not a binary PPM or PGM file (P6 or P5)");
    }
    std::ungetc(next, file_.stream());
    if (magic[1] != '5' && magic[1] != '6') {
      fail(std::string("it is a P") + magic[1] +
           " file; only binary PPM and PGM (P6, P5) are read");
    }
    return magic[1] == '6' ? 3 : 1;
  }

  // The next character; a comment counts as the end of its line.
  int next() {
    int c = std::fgetc(file_.stream());
    if (c != '#') return c;
    while (c != '\n' && c != '\r' && c != EOF) c = std::fgetc(file_.stream());
    return c;
  }

  // White space, then digits, then one more character, which is consumed.
  int64_t number(const char* what) {
    int c = next();
    while (is_space(c)) c = next();
    if (c == EOF) fail("its header is cut short");
    int64_t value = 0;
    bool any = false;
    for (; c >= '0' && c <= '9'; c = next(), any = true) {
      value = value * 10 + (c - '0');
      if (value > kMaxNumber) fail(std::string("its ") + what + " is above 1000000000");
    }
    if (!any || (c != EOF && !is_space(c))) {
      fail(std::string("its header is broken: the ") + what + " is not a number");
    }
    return value;
  }

  static bool is_space(int c) {
    return c != EOF && std::strchr(" \t\n\v\f\r", c) != nullptr && c != 0;
  }

  // At most `size` bytes, in pieces: memory is taken for what is there, not for what is announced.
  std::vector<uint8_t> take(size_t size) {
    constexpr size_t kPiece = 1 << 20;
    std::vector<uint8_t> bytes;
    while (bytes.size() < size) {
      const size_t have = bytes.size(), wanted = std::min(kPiece, size - have);
      bytes.resize(have + wanted);
      const size_t got = std::fread(bytes.data() + have, 1, wanted, file_.stream());
      bytes.resize(have + got);
      if (got < wanted) break;
    }
    if (std::ferror(file_.stream()) != 0) fail(std::strerror(errno));
    return bytes;
  }

  static std::vector<uint8_t> spread(const std::vector<uint8_t>& grey) {
    std::vector<uint8_t> rgb;
    rgb.reserve(grey.size() * 3);
    for (uint8_t value : grey) rgb.insert(rgb.end(), 3, value);
    return rgb;
  }

  const ImageFile& file_;
};

// A P5 or P6 file.
void write(const std::string& path, const Image& image, int kind) {
  write_file(path, [&](std::FILE* stream) {
    return std::fprintf(stream, "P%d\n%lld %lld\n255\n", kind, static_cast<long long>(image.width),
                        static_cast<long long>(image.height)) > 0 &&
           std::fwrite(image.pixels.data(), 1, image.pixels.size(), stream) == image.pixels.size();
  });
}

}  // namespace

Image read_netpbm(const ImageFile& file) { return Reader(file).read(); }

void write_grey(const std::string& path, const Image& image) { write(path, image, 5); }

void write_rgb(const std::string& path, const Image& image) { write(path, image, 6); }

}  // namespace groupnet_tool
