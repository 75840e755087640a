// include/groupnet.h: no exception passes this file.
#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "capi/members.h"
#include "capi/model.h"
#include "capi/regions/masks.h"
#include "capi/softmax.h"
#include "core/message.h"
#include "include/groupnet.h"

struct groupnet_model {
  groupnet::Model model;
};

struct groupnet_result {
  std::vector<std::string> names;
  std::vector<groupnet::Output> maps;
  std::vector<groupnet_output> outputs;  // of pointers into both
};

struct groupnet_objects {
  groupnet::Objects objects;
  groupnet::PixelSize size;  // of the image
  bool has_masks = false;
  float mask_threshold = 0;
  std::vector<groupnet_object> list;  // of `objects`
};

namespace {

using groupnet::require;

// One line, cut at a whole character of UTF-8.
void write(groupnet_error* error, const char* text) {
  constexpr size_t kMost = sizeof error->message - sizeof "...";
  const std::string line = groupnet::shortened(text, kMost);
  std::copy_n(line.c_str(), line.size() + 1, error->message);
}

// What `run` returns, or `failed` with the reason in `error`.
template <class Result, class Run>
Result guarded(groupnet_error* error, Result failed, const Run& run) noexcept {
  if (error != nullptr) error->message[0] = '\0';
  const char* reason = "unknown error";
  try {
    return run();
  } catch (const std::bad_alloc&) {
    reason = "there is not enough memory";
    if (error != nullptr) write(error, reason);
  } catch (const std::exception& exception) {
    if (error != nullptr) write(error, exception.what());
  } catch (...) {
    if (error != nullptr) write(error, reason);
  }
  return failed;
}

groupnet_result* run(const groupnet_model* model, const uint8_t* prepared,
                     const groupnet::ImageSize& size, int threads) {
  auto result = std::make_unique<groupnet_result>();
  result->maps = model->model.run(prepared, size, threads);
  for (const auto& [name, buffer] : model->model.program().outputs) result->names.push_back(name);
  for (size_t i = 0; i < result->maps.size(); ++i) {
    groupnet_output output{result->names[i].c_str(), {}, result->maps[i].values.data()};
    std::copy_n(result->maps[i].shape, 4, output.shape);
    result->outputs.push_back(output);
  }
  return result.release();
}

groupnet_model* wrap(groupnet::Model model) { return new groupnet_model{std::move(model)}; }

}  // namespace

extern "C" {

int groupnet_api_version(void) { return GROUPNET_API_VERSION; }

groupnet_model* groupnet_open(const char* path, groupnet_error* error) {
  return guarded(error, static_cast<groupnet_model*>(nullptr), [&] {
    require(path != nullptr, "the path is NULL");
    return wrap(groupnet::Model::open(std::string(path)));
  });
}

groupnet_model* groupnet_open_bytes(const void* bytes, size_t size, groupnet_error* error) {
  return guarded(error, static_cast<groupnet_model*>(nullptr), [&] {
    require(bytes != nullptr, "the bytes are NULL");
    const auto* first = static_cast<const uint8_t*>(bytes);
    return wrap(groupnet::Model::open(std::vector<uint8_t>(first, first + size)));
  });
}

void groupnet_close(groupnet_model* model) { delete model; }

const char* groupnet_task(const groupnet_model* model) { return model->model.task().c_str(); }

const char* groupnet_info(const groupnet_model* model) { return model->model.info().c_str(); }

const char* groupnet_instruction_set(const groupnet_model* model) {
  return model->model.kernels().name;
}

int groupnet_input_channels(const groupnet_model* model) {
  return model->model.program().input_channels;
}

int groupnet_num_classes(const groupnet_model* model) {
  return static_cast<int>(model->model.class_names().size());
}

const char* groupnet_class_name(const groupnet_model* model, int number) {
  if (number < 0 || number >= groupnet_num_classes(model)) return nullptr;
  return model->model.class_names()[static_cast<size_t>(number)].c_str();
}

int groupnet_num_outputs(const groupnet_model* model) {
  return static_cast<int>(model->model.program().outputs.size());
}

const char* groupnet_output_name(const groupnet_model* model, int number) {
  if (number < 0 || number >= groupnet_num_outputs(model)) return nullptr;
  return model->model.program().outputs[static_cast<size_t>(number)].first.c_str();
}

groupnet_result* groupnet_run(const groupnet_model* model, const uint8_t* rgb, int64_t height,
                              int64_t width, int threads, groupnet_error* error) {
  return guarded(error, static_cast<groupnet_result*>(nullptr), [&] {
    require(model != nullptr && rgb != nullptr, "the model or the image is NULL");
    const auto& preprocessing = model->model.preprocessing();
    const groupnet::RgbImage image{rgb, height, width};
    const auto size = preprocessing.size_of(image);
    const auto prepared = preprocessing.prepare(image);
    return run(model, prepared.data(), {1, size.height, size.width}, threads);
  });
}

int groupnet_segment(const groupnet_model* model, const uint8_t* rgb, int64_t height, int64_t width,
                     int threads, int32_t* labels, groupnet_error* error) {
  return guarded(error, -1, [&] {
    require(model != nullptr && rgb != nullptr && labels != nullptr,
            "the model, the image or the labels are NULL");
    const auto found = model->model.labels({rgb, height, width}, threads);
    std::copy(found.begin(), found.end(), labels);
    return 0;
  });
}

int groupnet_check_detect(const groupnet_model* model, groupnet_error* error) {
  return guarded(error, -1, [&] {
    require(model != nullptr, "the model is NULL");
    model->model.check_detection();
    return 0;
  });
}

groupnet_objects* groupnet_detect(const groupnet_model* model, const uint8_t* rgb, int64_t height,
                                  int64_t width, double score_threshold, int threads,
                                  groupnet_error* error) {
  return guarded(error, static_cast<groupnet_objects*>(nullptr), [&] {
    require(model != nullptr && rgb != nullptr, "the model or the image is NULL");
    auto objects = std::make_unique<groupnet_objects>();
    objects->objects = model->model.objects({rgb, height, width}, score_threshold, threads);
    objects->size = {height, width};
    if (const double* threshold = model->model.mask_threshold()) {
      objects->has_masks = true;
      objects->mask_threshold = groupnet::to_float(*threshold);
    }
    const groupnet::Objects& found = objects->objects;
    for (size_t i = 0; i < found.size(); ++i) {
      const groupnet::Box& box = found.boxes[i];
      objects->list.push_back({{box.left, box.upper, box.right, box.lower},
                               found.scores[i],
                               static_cast<int32_t>(found.classes[i])});
    }
    return objects.release();
  });
}

int64_t groupnet_num_objects(const groupnet_objects* objects) {
  return static_cast<int64_t>(objects->list.size());
}

const groupnet_object* groupnet_get_object(const groupnet_objects* objects, int64_t number) {
  if (number < 0 || number >= groupnet_num_objects(objects)) return nullptr;
  return &objects->list[static_cast<size_t>(number)];
}

int groupnet_has_masks(const groupnet_objects* objects) { return objects->has_masks ? 1 : 0; }

int groupnet_get_mask(const groupnet_objects* objects, int64_t number, uint8_t* mask,
                      groupnet_error* error) {
  return guarded(error, -1, [&] {
    require(objects != nullptr && mask != nullptr, "the objects or the mask are NULL");
    require(objects->has_masks, "the model makes no masks");
    require(groupnet_get_object(objects, number) != nullptr, "there is no object of that number");
    const auto i = static_cast<size_t>(number);
    std::fill(mask, mask + objects->size.height * objects->size.width, uint8_t{0});
    groupnet::paste(objects->objects.masks[i], objects->objects.boxes[i], objects->size,
                    objects->mask_threshold, mask);
    return 0;
  });
}

void groupnet_free_objects(groupnet_objects* objects) { delete objects; }

int groupnet_prepare(const groupnet_model* model, const uint8_t* rgb, int64_t height, int64_t width,
                     int64_t shape[2], uint8_t* prepared, groupnet_error* error) {
  return guarded(error, -1, [&] {
    require(model != nullptr && shape != nullptr && (rgb != nullptr || prepared == nullptr),
            "the model, the image or the shape is NULL");
    const auto& preprocessing = model->model.preprocessing();
    const groupnet::RgbImage image{rgb, height, width};
    const auto size = preprocessing.size_of(image);
    shape[0] = size.height;
    shape[1] = size.width;
    if (prepared == nullptr) return 0;
    const auto bytes = preprocessing.prepare(image);
    std::copy(bytes.begin(), bytes.end(), prepared);
    return 0;
  });
}

groupnet_result* groupnet_run_prepared(const groupnet_model* model, const uint8_t* prepared,
                                       int64_t images, int64_t height, int64_t width, int threads,
                                       groupnet_error* error) {
  return guarded(error, static_cast<groupnet_result*>(nullptr), [&] {
    require(model != nullptr && prepared != nullptr, "the model or the image is NULL");
    return run(model, prepared, {images, height, width}, threads);
  });
}

void groupnet_free(groupnet_result* result) { delete result; }

const groupnet_output* groupnet_get_output(const groupnet_result* result, int number) {
  if (number < 0 || static_cast<size_t>(number) >= result->outputs.size()) return nullptr;
  return &result->outputs[static_cast<size_t>(number)];
}

const groupnet_output* groupnet_find_output(const groupnet_result* result, const char* name) {
  for (const groupnet_output& output : result->outputs) {
    if (std::strcmp(output.name, name) == 0) return &output;
  }
  return nullptr;
}

void groupnet_softmax(const float* logits, int64_t count, float* probabilities) {
  groupnet::softmax(logits, count, probabilities);
}

int64_t groupnet_top(const float* logits, int64_t count, int64_t top, int32_t* classes) {
  return guarded(nullptr, int64_t{-1}, [&] {
    const int64_t number = std::clamp<int64_t>(top, 0, std::max<int64_t>(count, 0));
    if (number > 0) groupnet::rank(logits, count, number, classes);
    return number;
  });
}

void groupnet_labels(const groupnet_output* output, int32_t* labels) {
  const int64_t pixels = output->shape[0] * output->shape[1] * output->shape[2];
  for (int64_t i = 0; i < pixels; ++i) {
    labels[i] = groupnet::best_class(output->values + i * output->shape[3], output->shape[3]);
  }
}

}  // extern "C"
