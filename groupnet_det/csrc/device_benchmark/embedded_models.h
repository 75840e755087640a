// The models that are linked into the program. A generated file defines them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace groupnet_benchmark {

struct ImageSize {
  int64_t height = 0, width = 0;
};

struct EmbeddedModel {
  const char* name;
  const uint8_t* file;  // a packed file
  size_t bytes;
  ImageSize timed;        // of the image that is timed
  ImageSize checked;      // of the image whose outputs have the checksum
  uint64_t checksum = 0;  // by the reference in PyTorch
};

extern const EmbeddedModel kModels[];
extern const size_t kNumModels;

}  // namespace groupnet_benchmark
