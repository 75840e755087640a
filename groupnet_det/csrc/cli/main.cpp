// groupnet-run: a packed model on an image, without Python. Uses nothing but the C interface.
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/drawing.h"
#include "cli/images/netpbm.h"
#include "cli/images/reading.h"
#include "cli/options.h"
#include "cli/report.h"
#include "include/groupnet.h"

namespace {

using namespace groupnet_tool;

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
                             " classes or segments; a grey image holds 256");
  }
  Image image;
  image.height = height;
  image.width = width;
  image.pixels.assign(labels.begin(), labels.end());
  write_grey(path, image);
}

// Writes a map as the network gives it.
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

// What is printed about a detector's image, which may be drawn on.
std::string detect(const groupnet_model* model, Image& image, const Options& options) {
  groupnet_error error;
  const std::unique_ptr<groupnet_objects, void (*)(groupnet_objects*)> objects(
      checked(groupnet_detect(model, image.pixels.data(), image.height, image.width,
                              options.score_threshold, options.threads, &error),
              error),
      groupnet_free_objects);
  if (!options.draw.empty()) {
    draw_objects(model, objects.get(), image);
    write_picture(options.draw, image);
  }
  return report_objects(model, objects.get(), {image.height, image.width}, options.report);
}

// What is printed about the image of a panoptic network.
std::string find_segments(const groupnet_model* model, const Image& image, const Options& options) {
  groupnet_error error;
  std::vector<int32_t> map(static_cast<size_t>(image.height * image.width));
  const std::unique_ptr<groupnet_segments, void (*)(groupnet_segments*)> segments(
      checked(groupnet_panoptic(model, image.pixels.data(), image.height, image.width,
                                options.score_threshold, options.threads, map.data(), &error),
              error),
      groupnet_free_segments);
  if (!options.output.empty()) {
    write_labels(options.output, map, image.height, image.width,
                 groupnet_num_segments(segments.get()) + 1);
  }
  return report_segments(model, segments.get(), map, {image.height, image.width}, options.report);
}

// Whether `check` lets the model pass. One that it does not gives its maps, and a note; stdout has
// nothing but the prediction.
template <class Check>
bool passes(const groupnet_model* model, const Check& check) {
  groupnet_error error;
  if (check(model, &error) == 0) return true;
  std::fprintf(stderr, "note: only the network's maps are computed: %s\n", error.message);
  return false;
}

std::string predict(const groupnet_model* model, Image& image, const Options& options) {
  const std::string task = options.map.empty() ? groupnet_task(model) : "";
  if (task == "detection" || task == "instance_segmentation") {
    if (passes(model, groupnet_check_detect)) {
      if (options.output.empty()) return detect(model, image, options);
      throw std::runtime_error("a detector gives no label map; name one of its maps by --map");
    }
  }
  if (!options.draw.empty()) throw std::runtime_error("there are no objects that could be drawn");
  if (task == "semantic_segmentation") return segment(model, image, options);
  if (task == "panoptic_segmentation" && passes(model, groupnet_check_panoptic)) {
    return find_segments(model, image, options);
  }
  return run_maps(model, image, options);
}

void run(const Options& options) {
  groupnet_error error;
  const std::unique_ptr<groupnet_model, void (*)(groupnet_model*)> model(
      checked(groupnet_open_with_bases(options.model.c_str(), options.bases, &error), error),
      groupnet_close);
  Image image = read_rgb(options.image);
  const std::string text = predict(model.get(), image, options);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw std::runtime_error("the prediction cannot be written");
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    if (options.help) {
      std::printf("%s\nImages: %s.\n", kUsage, readable_formats().c_str());
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
