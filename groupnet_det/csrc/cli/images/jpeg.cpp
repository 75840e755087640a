#include "cli/images/jpeg.h"

#ifdef GROUPNET_JPEG
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstring>

#include "cli/images/orientation.h"
#endif

namespace groupnet_tool {

#ifdef GROUPNET_JPEG

namespace {

constexpr int kExifMarker = JPEG_APP0 + 1, kMaxMarker = 0xFFFF;
constexpr char kExif[] = "Exif\0";  // and the zero that ends it
constexpr int kMaxScans = 500;      // each may go through all pixels

struct Errors {
  jpeg_error_mgr base;  // first: libjpeg knows its address
  std::jmp_buf back;
  char text[JMSG_LENGTH_MAX];
};

[[noreturn]] void on_error(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<Errors*>(jpeg->err);
  errors->base.format_message(jpeg, errors->text);
  std::longjmp(errors->back, 1);
}

[[noreturn]] void give_up(j_common_ptr jpeg, const char* reason) {
  auto* errors = reinterpret_cast<Errors*>(jpeg->err);
  std::snprintf(errors->text, sizeof errors->text, "%s", reason);
  std::longjmp(errors->back, 1);
}

// Warnings that pixels are missing are errors.
void on_message(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF) give_up(jpeg, "it is cut short");
}

void on_progress(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > kMaxScans) {
    give_up(jpeg, "it has too many scans");
  }
}

// Ink as Adobe's programs store it, inverted, to light: Pillow's formula.
void ink_to_rgb(const uint8_t* from, int64_t pixels, uint8_t* to) {
  for (int64_t i = 0; i < pixels; ++i, from += 4, to += 3) {
    const int black = from[3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - from[c]) * black + 128;
      to[c] = static_cast<uint8_t>(black - (((product >> 8) + product) >> 8));
    }
  }
}

class JpegReader {
 public:
  explicit JpegReader(const ImageFile& file) : file_(file) {
    jpeg_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = on_error;
    errors_.base.emit_message = on_message;
    progress_.progress_monitor = on_progress;
    guarded([this] {
      jpeg_create_decompress(&jpeg_);
      jpeg_.progress = &progress_;
    });
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  Image read() {
    guarded([this] {
      jpeg_stdio_src(&jpeg_, file_.stream());
      jpeg_save_markers(&jpeg_, kExifMarker, kMaxMarker);
      jpeg_read_header(&jpeg_, TRUE);
    });
    file_.check_size(jpeg_.image_height, jpeg_.image_width);
    const int channels = jpeg_.num_components;
    if (channels != 1 && channels != 3 && channels != 4) {
      file_.fail("it has " + std::to_string(channels) + " channels");
    }
    jpeg_.out_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    guarded([this] { jpeg_start_decompress(&jpeg_); });
    Image image;
    image.height = jpeg_.output_height;
    image.width = jpeg_.output_width;
    std::vector<uint8_t> line(static_cast<size_t>(image.width * channels));
    for (int64_t y = 0; y < image.height; ++y) {
      uint8_t* row = line.data();
      guarded([this, row] {
        uint8_t* rows[] = {row};
        jpeg_read_scanlines(&jpeg_, rows, 1);
      });
      // Memory is taken for what is there.
      const size_t begin = image.pixels.size();
      image.pixels.resize(begin + static_cast<size_t>(image.width * 3));
      add_row(line, channels, image.width, image.pixels.data() + begin);
    }
    return upright(std::move(image), orientation());
  }

 private:
  // Errors of libjpeg jump back to here: no object of `work` may need to be destroyed.
  template <class Work>
  void guarded(const Work& work) {
    if (setjmp(errors_.back) != 0) file_.fail(errors_.text);
    work();
  }

  static void add_row(const std::vector<uint8_t>& line, int channels, int64_t width, uint8_t* to) {
    if (channels == 4) return ink_to_rgb(line.data(), width, to);
    if (channels == 3) {
      std::memcpy(to, line.data(), line.size());
      return;
    }
    for (uint8_t value : line) {
      for (int c = 0; c < 3; ++c) *to++ = value;
    }
  }

  int orientation() const {
    for (const jpeg_marker_struct* marker = jpeg_.marker_list; marker != nullptr;
         marker = marker->next) {
      if (marker->marker == kExifMarker && marker->data_length >= sizeof kExif &&
          std::memcmp(marker->data, kExif, sizeof kExif) == 0) {
        return exif_orientation(marker->data + sizeof kExif, marker->data_length - sizeof kExif);
      }
    }
    return 1;
  }

  const ImageFile& file_;
  Errors errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct jpeg_{};
};

}  // namespace

Image read_jpeg(const ImageFile& file) { return JpegReader(file).read(); }

#else

Image read_jpeg(const ImageFile& file) { file.fail("this program reads no JPEG files"); }

#endif

}  // namespace groupnet_tool
