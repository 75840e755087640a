#include "cli/images/png.h"

#include <stdexcept>

#ifdef GROUPNET_PNG
#include <png.h>

#include <csetjmp>

#include "cli/images/orientation.h"
#endif

namespace groupnet_tool {

#ifdef GROUPNET_PNG

namespace {

constexpr size_t kMaxReason = 200;

// What libpng says last.
struct Reason {
  char text[kMaxReason] = "";
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto* reason = static_cast<Reason*>(png_get_error_ptr(png));
  std::snprintf(reason->text, sizeof reason->text, "%s", text);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep bytes, size_t count) {
  auto* stream = static_cast<std::FILE*>(png_get_io_ptr(png));
  if (std::fread(bytes, 1, count, stream) != count) png_error(png, "it is cut short");
}

class PngReader {
 public:
  explicit PngReader(const ImageFile& file)
      : file_(file),
        png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, &reason_, on_error, on_warning)) {
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  Image read() {
    guarded([this] { start(); });
    const int64_t height = png_get_image_height(png_, info_);
    const int64_t width = png_get_image_width(png_, info_);
    file_.check_size(height, width);
    const int depth = png_get_bit_depth(png_, info_), kind = png_get_color_type(png_, info_);
    if (depth == 16 && kind == PNG_COLOR_TYPE_GRAY) {
      file_.fail("it has 16 bits a channel; convert it to 8");
    }
    guarded([this] { convert(); });
    Image image;
    image.height = height;
    image.width = width;
    const auto row = static_cast<size_t>(width * 3);
    if (png_get_rowbytes(png_, info_) != row) file_.fail("its kind of pixels is not known");
    read_rows(image, row);
    guarded([this] { png_read_end(png_, info_); });
    png_bytep exif = nullptr;
    png_uint_32 size = 0;
    const bool has_exif = png_get_eXIf_1(png_, info_, &size, &exif) != 0;
    return upright(std::move(image), has_exif ? exif_orientation(exif, size) : 1);
  }

 private:
  // Errors of libpng jump back to here: no object of `work` may need to be destroyed.
  template <class Work>
  void guarded(const Work& work) {
    if (setjmp(png_jmpbuf(png_)) != 0) file_.fail(reason_.text);
    work();
  }

  void start() {
    png_set_read_fn(png_, file_.stream(), on_read);
    png_set_user_limits(png_, kMaxPixels, kMaxPixels);
    png_read_info(png_, info_);
  }

  // To 8 bits RGB. The lower bits of 16 are cut off, as by Pillow.
  void convert() {
    png_set_expand_gray_1_2_4_to_8(png_);
    png_set_palette_to_rgb(png_);
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }

  // Memory is taken for what is there, not for what is announced, but for interlaced images.
  void read_rows(Image& image, size_t row) {
    if (passes_ > 1) image.pixels.resize(row * static_cast<size_t>(image.height));
    for (int pass = 0; pass < passes_; ++pass) {
      for (int64_t y = 0; y < image.height; ++y) {
        if (passes_ == 1) image.pixels.resize(row * static_cast<size_t>(y + 1));
        uint8_t* to = image.pixels.data() + row * static_cast<size_t>(y);
        guarded([this, to] { png_read_row(png_, to, nullptr); });
      }
    }
  }

  const ImageFile& file_;
  Reason reason_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
};

// Whether it could. Errors jump back to here.
bool write_rows(png_structp png, png_infop info, std::FILE* stream, const Image& image) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_init_io(png, stream);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width),
               static_cast<png_uint_32>(image.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int64_t y = 0; y < image.height; ++y) {
    png_write_row(png, image.pixels.data() + y * image.width * 3);
  }
  png_write_end(png, info);
  return true;
}

}  // namespace

Image read_png(const ImageFile& file) { return PngReader(file).read(); }

void write_png(const std::string& path, const Image& image) {
  write_file(path, [&](std::FILE* stream) {
    Reason reason;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &reason, on_error, on_warning);
    png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
    const bool ok = info != nullptr && write_rows(png, info, stream, image);
    png_destroy_write_struct(&png, &info);
    return ok;
  });
}

#else

Image read_png(const ImageFile& file) { file.fail("this program reads no PNG files"); }

void write_png(const std::string& path, const Image&) {
  throw std::runtime_error(path + " cannot be written: this program writes PPM files alone");
}

#endif

}  // namespace groupnet_tool
