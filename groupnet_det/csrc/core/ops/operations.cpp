#include "core/ops/operations.h"

namespace groupnet {

// Each in the file of its operation.
ReadStep read_conv, read_depth_to_space, read_input, read_interpolate, read_max_pool, read_mean,
    read_resize, read_stem;

const Operations& operations() {
  static const Operations kOperations = {
      {"stem", read_stem},         {"input", read_input},
      {"conv", read_conv},         {"mean", read_mean},
      {"resize", read_resize},     {"interpolate", read_interpolate},
      {"max_pool", read_max_pool}, {"depth_to_space", read_depth_to_space},
  };
  return kOperations;
}

}  // namespace groupnet
