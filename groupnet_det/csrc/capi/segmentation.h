// From the logits of a segmenter to a label for each pixel:
// groupnet_det/runtime/postprocessing/segmentation.py in C++.
#pragma once

#include <cstdint>
#include <vector>

#include "capi/images/preprocessing.h"
#include "core/format/json/json.h"
#include "core/run/network.h"

namespace groupnet {

class Segmentation {
 public:
  // By "info.postprocessing" of a packed file whose network has the output "logits". Throws Error
  // where these are missing, or of a kind that is not known.
  Segmentation(const Json& info, const Program& program);

  int channels() const { return channels_; }

  // Labels (wanted.height, wanted.width) of one prepared image, bytes (size.height, size.width, 3).
  std::vector<int32_t> labels(Network& network, const uint8_t* prepared, const PixelSize& size,
                              const PixelSize& wanted, int threads) const;

 private:
  // Logits (height, width, channels) without gaps.
  std::vector<float> mean_of_windows(Network& network, const uint8_t* prepared,
                                     const PixelSize& size, int threads) const;

  int buffer_ = 0, channels_ = 0;  // of the logits
  bool slides_ = false;
  PixelSize window_, stride_;
};

}  // namespace groupnet
