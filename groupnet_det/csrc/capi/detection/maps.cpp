#include "capi/detection/maps.h"

namespace groupnet {

FlatMap::FlatMap(const Network& network, const Workspace& workspace, int buffer) {
  const auto number = static_cast<size_t>(buffer);
  const BufferMemory& map = workspace.buffers()[number];
  images_ = workspace.size().images;
  height_ = map.height;
  width_ = map.width;
  channels_ = network.program().buffers[number].channels;
  const MapView<float>& view = map.floats;
  data_ = view.origin;
  if (view.pixel_stride == channels_ && view.row_stride == width_ * channels_ &&
      (images_ == 1 || view.image_stride == height_ * width_ * channels_)) {
    return;
  }
  memory_.resize(static_cast<size_t>(size()));
  network.read_floats(workspace, buffer, memory_.data());
  data_ = memory_.data();
}

}  // namespace groupnet
