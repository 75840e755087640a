// A packed file with what it says about itself: the class that implements include/groupnet.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "capi/detection/detection.h"
#include "capi/images/preprocessing.h"
#include "capi/regions/panoptic.h"
#include "capi/segmentation.h"
#include "core/run/network.h"

namespace groupnet {

// A float map (images, height, width, channels).
struct Output {
  int64_t shape[4] = {0, 0, 0, 0};
  std::vector<float> values;
};

constexpr double kOwnThresholds = -1, kScoreThreshold = 0.5;

class Model {
 public:
  // Throw Error where the file is not what it should be, or has no network of so many bases; 0
  // stands for the most.
  static Model open(const std::string& path, int bases = 0);
  static Model open(std::vector<uint8_t> bytes, int bases = 0);

  const std::string& info() const { return info_; }
  const std::string& task() const { return task_; }
  const std::vector<std::string>& class_names() const { return class_names_; }
  const std::vector<std::string>& stuff_class_names() const { return stuff_class_names_; }
  const Program& program() const { return network_->program(); }
  const KernelTable& kernels() const { return network_->kernels(); }

  // How images are prepared. Throws Error where the file names no way that is known.
  const Preprocessing& preprocessing() const;

  // The class of each pixel of the image, (height, width). Throws Error where the model is no
  // segmenter. As `run`, for any number of threads.
  std::vector<int32_t> labels(const RgbImage& image, int threads) const;

  // Objects with at least that score, 0 to 1; or `kOwnThresholds`, that of the file for each class,
  // and `kScoreThreshold` where it has none. Throws Error where the model is not a detector. As
  // `run`, for any number of threads.
  Objects objects(const RgbImage& image, double score_threshold, int threads) const;
  // The maker of objects' masks; null where it makes none.
  const double* mask_threshold() const;
  // Throws Error where `objects` would for any image.
  void check_detection() const;

  // The same for the segments of a panoptic model.
  Segments segments(const RgbImage& image, double score_threshold, int threads) const;
  void check_panoptic() const;

  // Any number of threads may call it at once; none waits for another. `prepared` are unsigned
  // bytes (N, H, W, C). One output for each of the program, in its order.
  std::vector<Output> run(const uint8_t* prepared, const ImageSize& size, int threads) const;

 private:
  Model(const PackedFile& file, const std::string& name, int bases);
  void read_info(const Json& info);
  void read_detection(const Json& info);
  void read_panoptic(const Json& info);
  DetectionInput input(const RgbImage& image, const std::vector<uint8_t>& prepared,
                       double score_threshold, int threads) const;
  void read_segmentation(const Json& info);
  void read_class_names(const Json& info);
  void name_classes(size_t number);
  // The classes of objects, and their thresholds.
  void name_objects(size_t number, const ObjectOptions& options);
  // Of each class.
  std::vector<double> score_thresholds(double given) const;
  void run_one(const uint8_t* image, const ImageSize& size, int threads,
               std::vector<Output>& outputs) const;

  std::string info_, task_;
  std::vector<std::string> class_names_, stuff_class_names_;
  std::vector<double> own_thresholds_;  // of objects, of each class
  std::unique_ptr<Network> network_;
  std::unique_ptr<Preprocessing> preprocessing_;
  std::unique_ptr<Segmentation> segmentation_;
  std::unique_ptr<Detection> detection_;
  std::unique_ptr<Panoptic> panoptic_;
  std::string no_preprocessing_, no_segmentation_, no_detection_,
      no_panoptic_;  // why there is none
};

}  // namespace groupnet
