// Images as they are read and written.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace groupnet_tool {

constexpr int64_t kMaxPixels = 178956970;  // Pillow's limit too

struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;
};

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// A file that is read, with the errors that it can have: each throws std::runtime_error that names
// it.
class ImageFile {
 public:
  explicit ImageFile(const std::string& path);

  std::FILE* stream() const { return file_.get(); }
  [[noreturn]] void fail(const std::string& reason) const;
  // Fails unless there are pixels, and not more than an image may have.
  void check_size(int64_t height, int64_t width) const;

 private:
  std::string path_;
  File file_;
};

[[noreturn]] void fail_to_write(const std::string& path);

// Calls `write` with the opened file; it returns whether it could write. Throws std::runtime_error
// where it could not.
template <class Write>
void write_file(const std::string& path, const Write& write) {
  File file(std::fopen(path.c_str(), "wb"), std::fclose);
  bool ok = file != nullptr && write(file.get());
  if (ok) ok = std::fclose(file.release()) == 0;
  if (!ok) fail_to_write(path);
}

}  // namespace groupnet_tool
