#include "cli/netpbm.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace groupnet_tool {

namespace {

constexpr int64_t kMaxPixels = 178956970;  // Pillow's limit too
constexpr int64_t kMaxNumber = 1000000000;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

class Reader {
 public:
  explicit Reader(const std::string& path)
      : path_(path), file_(std::fopen(path.c_str(), "rb"), std::fclose) {
    if (file_ == nullptr) fail(std::string("it cannot be opened: ") + std::strerror(errno));
  }

  Image read() {
    const int channels = read_magic();
    const int64_t width = number("width"), height = number("height");
    const int64_t greatest = number("greatest value");
    if (width == 0 || height == 0) fail("it holds no pixel");
    if (width > kMaxPixels / height) {
      fail(std::to_string(width) + " x " + std::to_string(height) + " pixels are more than " +
           std::to_string(kMaxPixels));
    }
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
  [[noreturn]] void fail(const std::string& reason) const {
    throw std::runtime_error("image " + path_ + " cannot be read: " + reason);
  }

  int read_magic() {
    char magic[2] = {};
    if (std::fread(magic, 1, 2, file_.get()) < 2) {
      fail(std::ferror(file_.get()) != 0 ? std::strerror(errno) : "it is cut short");
    }
    const int next = std::fgetc(file_.get());
    if (magic[0] != 'P' || magic[1] < '1' || magic[1] > '7' || (next != '#' && !is_space(next))) {
      fail("it is no binary PPM or PGM file (P6 or P5)");
    }
    std::ungetc(next, file_.get());
    if (magic[1] != '5' && magic[1] != '6') {
      fail(std::string("it is a P") + magic[1] +
           " file; only binary PPM and PGM (P6, P5) are read");
    }
    return magic[1] == '6' ? 3 : 1;
  }

  // The next character; a comment counts as the end of its line.
  int next() {
    int c = std::fgetc(file_.get());
    if (c != '#') return c;
    while (c != '\n' && c != '\r' && c != EOF) c = std::fgetc(file_.get());
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
      fail(std::string("its header is broken: the ") + what + " is no number");
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
      const size_t got = std::fread(bytes.data() + have, 1, wanted, file_.get());
      bytes.resize(have + got);
      if (got < wanted) break;
    }
    if (std::ferror(file_.get()) != 0) fail(std::strerror(errno));
    return bytes;
  }

  static std::vector<uint8_t> spread(const std::vector<uint8_t>& grey) {
    std::vector<uint8_t> rgb;
    rgb.reserve(grey.size() * 3);
    for (uint8_t value : grey) rgb.insert(rgb.end(), 3, value);
    return rgb;
  }

  const std::string path_;
  File file_;
};

}  // namespace

Image read_rgb(const std::string& path) { return Reader(path).read(); }

void write_grey(const std::string& path, const Image& image) {
  File file(std::fopen(path.c_str(), "wb"), std::fclose);
  bool ok =
      file != nullptr &&
      std::fprintf(file.get(), "P5\n%lld %lld\n255\n", static_cast<long long>(image.width),
                   static_cast<long long>(image.height)) > 0 &&
      std::fwrite(image.pixels.data(), 1, image.pixels.size(), file.get()) == image.pixels.size();
  if (ok) ok = std::fclose(file.release()) == 0;
  if (!ok) throw std::runtime_error(path + " cannot be written: " + std::strerror(errno));
}

}  // namespace groupnet_tool
