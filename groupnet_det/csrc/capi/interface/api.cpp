// include/groupnet.h: models, and what their networks give.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "capi/interface/handles.h"
#include "capi/softmax.h"
#include "core/message.h"

struct groupnet_result {
  std::vector<std::string> names;
  std::vector<groupnet::Output> maps;
  std::vector<groupnet_output> outputs;  // of pointers into both
};

namespace groupnet {

void write_message(groupnet_error* error, const char* text) {
  constexpr size_t kMost = sizeof error->message - sizeof "...";
  const std::string line = shortened(text, kMost);
  std::copy_n(line.c_str(), line.size() + 1, error->message);
}

}  // namespace groupnet

namespace {

using groupnet::guarded;
using groupnet::require;

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
  return groupnet_open_with_bases(path, 0, error);
}

groupnet_model* groupnet_open_bytes(const void* bytes, size_t size, groupnet_error* error) {
  return groupnet_open_bytes_with_bases(bytes, size, 0, error);
}

groupnet_model* groupnet_open_with_bases(const char* path, int bases, groupnet_error* error) {
  return guarded(error, static_cast<groupnet_model*>(nullptr), [&] {
    require(path != nullptr, "the path is NULL");
    return wrap(groupnet::Model::open(std::string(path), bases));
  });
}

groupnet_model* groupnet_open_bytes_with_bases(const void* bytes, size_t size, int bases,
                                               groupnet_error* error) {
  return guarded(error, static_cast<groupnet_model*>(nullptr), [&] {
    require(bytes != nullptr, "the bytes are NULL");
    const auto* first = static_cast<const uint8_t*>(bytes);
    return wrap(groupnet::Model::open(std::vector<uint8_t>(first, first + size), bases));
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

int groupnet_num_bases(const groupnet_model* model) { return model->model.program().num_bases; }

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
