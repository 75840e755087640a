#include "capi/model.h"

#include <algorithm>
#include <limits>
#include <thread>

#include "capi/detection/dense.h"
#include "capi/members.h"
#include "capi/regions/region_detection.h"
#include "core/format/info.h"
#include "core/message.h"
#include "core/run/workspace_lease.h"

namespace groupnet {

namespace {

constexpr const char* kClassification = "classification";
constexpr const char* kSegmentation = "semantic_segmentation";
constexpr const char* kDetection = "detection";
constexpr const char* kPanoptic = "panoptic_segmentation";
constexpr const char* kInstances = "instance_segmentation";
constexpr const char* kLogits = "logits";
constexpr int kMaxThreads = 256;

int number_of_threads(int threads) {
  require(0 <= threads && threads <= kMaxThreads,
          "threads is " + std::to_string(threads) + "; valid: 0 to 256, 0 for one per processor");
  if (threads > 0) return threads;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads);
}

std::vector<float> read(const Network& network, const Workspace& workspace, int buffer,
                        size_t count) {
  std::vector<float> values(count);  // outputs are floats: `read_program` refuses others
  network.read_floats(workspace, buffer, values.data());
  return values;
}

// By "info.postprocessing" of a file of the task "detection" or "instance_segmentation". Throws
// Error where it is of a kind that is not known, or does not fit the network.
std::unique_ptr<Detection> make_detection(const Json& info, const std::string& task,
                                          const Network& network) {
  const std::string what = "info.postprocessing";
  const Json& json = info.at("postprocessing", "info");
  const std::string& kind = json.at("kind", what).as_string(what + ".kind");
  if (kind == "rcnn") return std::make_unique<RegionDetection>(json, what, network);
  require(task == kDetection, what + ".kind is " + quoted(kind) + "; valid: 'rcnn'");
  require(kind == "retinanet" || kind == "fcos",
          what + ".kind is " + quoted(kind) + "; valid: 'retinanet', 'fcos', 'rcnn'");
  return std::make_unique<DenseDetection>(json, what, network.program());
}

std::vector<std::string> read_names(const Json& info, const std::string& key) {
  const Json* names = info.find(key, "info");
  return names == nullptr ? std::vector<std::string>() : read_texts(*names, "info." + key);
}

// Numbers, where the file has no names.
void fill_names(std::vector<std::string>& names, size_t number, const std::string& key) {
  if (names.empty()) {
    for (size_t i = 0; i < number; ++i) names.push_back(std::to_string(i));
  }
  require(names.size() == number, "it has " + std::to_string(names.size()) + " " + key + " for " +
                                      std::to_string(number) + " classes");
}

}  // namespace

Model Model::open(const std::string& path, int bases) {
  return Model(PackedFile::open(path), path, bases);
}

Model Model::open(std::vector<uint8_t> bytes, int bases) {
  const std::string name = "the packed file in memory";
  return Model(PackedFile::parse(std::move(bytes), name), name, bases);
}

Model::Model(const PackedFile& file, const std::string& name, int bases) : info_(file.info()) {
  const KernelTable& kernels = choose_kernels_from_environment();
  try {
    network_ = std::make_unique<Network>(file, kernels, std::make_shared<ThreadPool>(), bases);
    read_info(Json::parse(info_));
  } catch (const Error& error) {
    throw unusable(name, error);
  }
}

void Model::read_info(const Json& info) {
  check_info(info);
  const Json* task = info.find("task", "info");
  if (task != nullptr) task_ = task->as_string("info.task");
  read_class_names(info);
  try {
    preprocessing_ = Preprocessing::from_info(info);
    require(program().input_channels == 3, "it is for images of other than 3 channels");
  } catch (const Error& error) {
    if (task_ == kClassification) throw;
    preprocessing_.reset();  // its network runs on images that are prepared elsewhere
    no_preprocessing_ = error.what();
  }
  read_segmentation(info);
  read_detection(info);
  read_panoptic(info);
}

void Model::read_segmentation(const Json& info) {
  try {
    require(task_ == kSegmentation,
            "its task is " + quoted(task_) + ", not '" + std::string(kSegmentation) + "'");
    segmentation_ = std::make_unique<Segmentation>(info, program());
    name_classes(static_cast<size_t>(segmentation_->channels()));
  } catch (const Error& error) {
    segmentation_.reset();
    no_segmentation_ = error.what();  // its network gives its maps all the same
  }
}

void Model::read_detection(const Json& info) {
  try {
    require(task_ == kDetection || task_ == kInstances,
            "its task is " + quoted(task_) + "; valid: '" + kDetection + "', '" + kInstances + "'");
    detection_ = make_detection(info, task_, *network_);
    require(preprocessing().keeps_whole(), "its preprocessing is for classifiers");
    name_objects(static_cast<size_t>(detection_->num_classes()), detection_->options());
  } catch (const Error& error) {
    detection_.reset();
    no_detection_ = error.what();
  }
}

void Model::read_panoptic(const Json& info) {
  try {
    require(task_ == kPanoptic,
            "its task is " + quoted(task_) + ", not '" + std::string(kPanoptic) + "'");
    panoptic_ = std::make_unique<Panoptic>(info, *network_);
    require(preprocessing().keeps_whole(), "its preprocessing is for classifiers");
    name_objects(static_cast<size_t>(panoptic_->num_classes()), panoptic_->options());
    stuff_class_names_ = read_names(info, "stuff_class_names");
    fill_names(stuff_class_names_, static_cast<size_t>(panoptic_->num_labels()),
               "stuff_class_names");
  } catch (const Error& error) {
    panoptic_.reset();
    stuff_class_names_.clear();
    no_panoptic_ = error.what();
  }
}

void Model::read_class_names(const Json& info) {
  class_names_ = read_names(info, "class_names");
  if (task_ != kClassification) return;
  const auto& outputs = program().outputs;
  auto logits = std::find_if(outputs.begin(), outputs.end(),
                             [](const auto& output) { return output.first == kLogits; });
  require(logits != outputs.end(), std::string("it has no output '") + kLogits + "'");
  name_classes(static_cast<size_t>(program().buffers[logits->second].channels));
}

void Model::name_classes(size_t number) { fill_names(class_names_, number, "class_names"); }

void Model::name_objects(size_t number, const ObjectOptions& options) {
  name_classes(number);
  own_thresholds_ = options.score_thresholds(class_names_, kScoreThreshold);
}

std::vector<double> Model::score_thresholds(double given) const {
  if (given == kOwnThresholds) return own_thresholds_;
  require(0 <= given && given <= 1,
          "the score threshold of objects is " + std::to_string(given) + "; valid: 0 to 1");
  return std::vector<double>(own_thresholds_.size(), given);
}

const Preprocessing& Model::preprocessing() const {
  if (preprocessing_ == nullptr) {
    throw Error("images cannot be prepared for this model: " + no_preprocessing_);
  }
  return *preprocessing_;
}

std::vector<int32_t> Model::labels(const RgbImage& image, int threads) const {
  if (segmentation_ == nullptr) throw Error("the model gives no label map: " + no_segmentation_);
  threads = number_of_threads(threads);
  const std::vector<uint8_t> prepared = preprocessing().prepare(image);
  return segmentation_->labels(*network_, prepared.data(), preprocessing().size_of(image),
                               {image.height, image.width}, threads);
}

void Model::check_detection() const {
  if (detection_ == nullptr) throw Error("the model finds no objects: " + no_detection_);
}

const double* Model::mask_threshold() const {
  return detection_ == nullptr ? nullptr : detection_->mask_threshold();
}

Objects Model::objects(const RgbImage& image, double score_threshold, int threads) const {
  check_detection();
  const std::vector<uint8_t> prepared = preprocessing().prepare(image);
  return detection_->detect(*network_, input(image, prepared, score_threshold, threads));
}

void Model::check_panoptic() const {
  if (panoptic_ == nullptr) throw Error("the model gives no panoptic segments: " + no_panoptic_);
}

Segments Model::segments(const RgbImage& image, double score_threshold, int threads) const {
  check_panoptic();
  const std::vector<uint8_t> prepared = preprocessing().prepare(image);
  return panoptic_->segments(*network_, input(image, prepared, score_threshold, threads));
}

DetectionInput Model::input(const RgbImage& image, const std::vector<uint8_t>& prepared,
                            double score_threshold, int threads) const {
  DetectionInput input;
  input.prepared = prepared.data();
  input.size = preprocessing().size_of(image);
  input.wanted = {image.height, image.width};
  input.score_thresholds = score_thresholds(score_threshold);
  input.threads = number_of_threads(threads);
  return input;
}

std::vector<Output> Model::run(const uint8_t* prepared, const ImageSize& size, int threads) const {
  threads = number_of_threads(threads);
  require(size.images > 0, "there is no image");
  ImageSize one = size;
  one.images = 1;
  std::vector<Output> outputs(program().outputs.size());
  for (int64_t i = 0; i < size.images; ++i) {  // whose maps stay in the cache
    run_one(prepared + i * size.height * size.width * program().input_channels, one, threads,
            outputs);
  }
  return outputs;
}

void Model::run_one(const uint8_t* image, const ImageSize& size, int threads,
                    std::vector<Output>& outputs) const {
  WorkspaceLease workspace(*network_, size);
  network_->run(*workspace, image, threads);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const int buffer = program().outputs[i].second;
    const BufferMemory& memory = (*workspace).buffers()[buffer];
    const int64_t channels = program().buffers[buffer].channels;
    Output& output = outputs[i];
    const int64_t shape[4] = {output.shape[0] + 1, memory.height, memory.width, channels};
    std::copy(shape, shape + 4, output.shape);
    const auto count = static_cast<size_t>(memory.height * memory.width * channels);
    std::vector<float> values = read(*network_, *workspace, buffer, count);
    output.values.insert(output.values.end(), values.begin(), values.end());
  }
}

}  // namespace groupnet
