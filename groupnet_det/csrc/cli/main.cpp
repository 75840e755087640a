// groupnet-run: a packed model on an image, without Python. Uses nothing but the C interface.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/netpbm.h"
#include "cli/report.h"
#include "include/groupnet.h"

namespace {

using namespace groupnet_tool;

constexpr const char* kUsage =
    "usage: groupnet-run MODEL.gnp IMAGE.ppm [--threads N] [--top K] [--json]\n"
    "                    [--output LABELS.pgm] [--map NAME]\n"
    "\n"
    "  MODEL.gnp     a packed model, by tools/export_packed.py\n"
    "  IMAGE.ppm     a binary PPM or PGM file of 8 bits\n"
    "  --threads N   1 to 256; without it, one per processor\n"
    "  --top K       how many classes are printed (5)\n"
    "  --json        print JSON, with all probabilities and logits\n"
    "  --output F    write the class of each pixel, a grey image\n"
    "  --map NAME    of that map of the network as it is; without it, of a segmenter's\n"
    "                image in its own size, or of \"logits\"\n"
    "  --help        print this\n";

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string model, image, output, map;
  int threads = 0;
  bool help = false;
  ReportOptions report;
};

int whole(const std::string& text, const std::string& option, int least, int most) {
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || errno != 0 || value < least || value > most) {
    throw UsageError(option + " is '" + text + "'; valid: " + std::to_string(least) + " to " +
                     std::to_string(most));
  }
  return static_cast<int>(value);
}

Options parse(int argc, char** argv) {
  Options options;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    auto value = [&]() -> std::string {
      if (++i == argc) throw UsageError(word + " needs a value");
      return argv[i];
    };
    if (word == "--help" || word == "-h") {
      options.help = true;
    } else if (word == "--json") {
      options.report.json = true;
    } else if (word == "--threads") {
      options.threads = whole(value(), word, 1, 256);
    } else if (word == "--top") {
      options.report.top = whole(value(), word, 0, 1 << 20);
    } else if (word == "--output") {
      options.output = value();
    } else if (word == "--map") {
      options.map = value();
    } else if (word.size() > 1 && word[0] == '-') {
      throw UsageError("unknown option " + word);
    } else {
      files.push_back(word);
    }
  }
  if (options.help) return options;
  if (files.size() != 2) throw UsageError("a model and an image are needed");
  options.model = files[0];
  options.image = files[1];
  return options;
}

template <class T>
T* checked(T* made, const groupnet_error& error) {
  if (made == nullptr) throw std::runtime_error(error.message);
  return made;
}

// At most 256 classes, each a byte.
void write_labels(const std::string& path, const std::vector<int32_t>& labels, int64_t height,
                  int64_t width, int64_t classes) {
  if (classes > 256) {
    throw std::runtime_error("there are " + std::to_string(classes) +
                             " classes; a grey image holds 256");
  }
  Image image;
  image.height = height;
  image.width = width;
  image.pixels.assign(labels.begin(), labels.end());
  write_grey(path, image);
}

// Of a map as the network gives it.
void write_map(const std::string& path, const groupnet_result* result, const std::string& map) {
  const groupnet_output* output = groupnet_find_output(result, map.c_str());
  if (output == nullptr) throw std::runtime_error("the model has no output '" + map + "'");
  std::vector<int32_t> labels(static_cast<size_t>(output->shape[1] * output->shape[2]));
  groupnet_labels(output, labels.data());
  write_labels(path, labels, output->shape[1], output->shape[2], output->shape[3]);
}

// What is printed about a segmenter's image.
std::string segment(const groupnet_model* model, const Image& image, const Options& options) {
  groupnet_error error;
  std::vector<int32_t> labels(static_cast<size_t>(image.height * image.width));
  if (groupnet_segment(model, image.pixels.data(), image.height, image.width, options.threads,
                       labels.data(), &error) != 0) {
    throw std::runtime_error(error.message);
  }
  if (!options.output.empty()) {
    write_labels(options.output, labels, image.height, image.width, groupnet_num_classes(model));
  }
  return report_labels(model, labels, image.height, image.width, options.report);
}

// What is printed about any other.
std::string run_maps(const groupnet_model* model, const Image& image, const Options& options) {
  groupnet_error error;
  const std::unique_ptr<groupnet_result, void (*)(groupnet_result*)> result(
      checked(groupnet_run(model, image.pixels.data(), image.height, image.width, options.threads,
                           &error),
              error),
      groupnet_free);
  if (!options.output.empty()) {
    write_map(options.output, result.get(), options.map.empty() ? "logits" : options.map);
  }
  return report(model, result.get(), options.report);
}

// Of a detector the maps are all that is known here; stdout has nothing but the prediction.
void hint_at_boxes(const std::string& task) {
  if (task != "detection" && task != "instance_segmentation") return;
  std::fprintf(stderr,
               "note: boxes and masks are not computed here, only the network's maps; "
               "PackedPredictor in Python computes them\n");
}

void run(const Options& options) {
  groupnet_error error;
  const std::unique_ptr<groupnet_model, void (*)(groupnet_model*)> model(
      checked(groupnet_open(options.model.c_str(), &error), error), groupnet_close);
  const Image image = read_rgb(options.image);
  const std::string task = groupnet_task(model.get());
  const bool segments = task == "semantic_segmentation";
  const std::string text = segments && options.map.empty() ? segment(model.get(), image, options)
                                                           : run_maps(model.get(), image, options);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw std::runtime_error("the prediction cannot be written");
  }
  hint_at_boxes(task);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    if (options.help) {
      std::fputs(kUsage, stdout);
    } else {
      run(options);
    }
    return 0;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "error: %s\n%s", error.what(), kUsage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
