#include "capi/regions/pooler.h"

#include <cmath>
#include <limits>

#include "capi/members.h"
#include "core/memory/memory_limit.h"
#include "core/message.h"

namespace groupnet {

namespace {

constexpr int64_t kMaxGeometry = 4096, kMaxLevel = 64;
constexpr int64_t kMaxBox = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxSide = 1 << 24;  // float32 counts pixels up to this

std::vector<int64_t> read_list(const Json& json, const std::string& name, const std::string& what) {
  std::vector<int64_t> numbers;
  for (const Json& number : json.at(name, what).as_array(what + "." + name)) {
    numbers.push_back(read_integer(number, what + "." + name, 1, kMaxGeometry));
  }
  return numbers;
}

}  // namespace

Pooler::Pooler(const Json& json, const std::string& what, const Program& program) {
  check_members(json, what,
                {"levels", "strides", "resolution", "sampling_ratio", "type", "canonical_box_size",
                 "canonical_level"});
  const std::string& type = json.at("type", what).as_string(what + ".type");
  require(type == "ROIAlignV2" || type == "ROIAlign",
          what + ".type is " + quoted(type) + "; valid: 'ROIAlignV2', 'ROIAlign'");
  aligned_ = type == "ROIAlignV2";
  const auto number_of = [&](const char* name, int64_t least, int64_t most) {
    return read_integer(json.at(name, what), what + "." + name, least, most);
  };
  sampling_ratio_ = number_of("sampling_ratio", 0, kMaxGeometry);
  canonical_box_size_ = static_cast<float>(number_of("canonical_box_size", 1, kMaxBox));
  canonical_level_ = static_cast<float>(number_of("canonical_level", 0, kMaxLevel));
  const std::vector<int64_t> resolution = read_list(json, "resolution", what);
  require(resolution.size() == 2, what + ".resolution is not a pair of sizes");
  rows_ = resolution[0];
  columns_ = resolution[1];
  strides_ = read_list(json, "strides", what);
  for (const std::string& level : read_texts(json.at("levels", what), what + ".levels")) {
    buffers_.push_back(buffer_of(program, level));
    const int64_t own = program.buffers[static_cast<size_t>(buffers_.back())].channels;
    if (buffers_.size() == 1) channels_ = own;
    require(own == channels_, what + ".levels have different channels");
  }
  require(!buffers_.empty() && strides_.size() == buffers_.size(),
          what + ".strides are not those of its levels");
  for (size_t i = 1; i < strides_.size(); ++i) {
    require(strides_[i] == 2 * strides_[i - 1],
            what + ".strides are not each twice the one before");
  }
}

std::vector<FlatMap> Pooler::maps(const Network& network, const Workspace& workspace) const {
  std::vector<FlatMap> maps;
  for (int buffer : buffers_) {
    maps.emplace_back(network, workspace, buffer);
    require(maps.back().height() <= kMaxSide && maps.back().width() <= kMaxSide,
            "a map that regions are pooled from is too large");
  }
  return maps;
}

std::vector<float> Pooler::pool(Network& network, const std::vector<FlatMap>& maps,
                                const std::vector<Box>& boxes, int threads) const {
  RoiAlign regions;
  for (size_t i = 0; i < maps.size(); ++i) {
    AlignLevel& level = regions.levels.emplace_back();
    level.map = maps[i].data();
    level.height = static_cast<int>(maps[i].height());
    level.width = static_cast<int>(maps[i].width());
    level.scale = static_cast<float>(1.0 / static_cast<double>(strides_[i]));
  }
  std::vector<int64_t> level_of_box;
  for (const Box& box : boxes) level_of_box.push_back(level_of(box));
  regions.channels = static_cast<int>(channels_);
  regions.boxes = &boxes[0].left;
  regions.level_of = level_of_box.data();
  regions.num_boxes = static_cast<int64_t>(boxes.size());
  regions.rows = static_cast<int>(rows_);
  regions.columns = static_cast<int>(columns_);
  regions.sampling_ratio = static_cast<int>(sampling_ratio_);
  regions.aligned = aligned_;
  const auto pixels = static_cast<size_t>(rows_ * columns_ * channels_);  // below 2^41
  check_memory(pixels * sizeof(float), boxes.size());
  std::vector<float> pooled(pixels * boxes.size());
  network.roi_align(regions, threads, pooled.data());
  return pooled;
}

int64_t Pooler::level_of(const Box& box) const {
  if (strides_.size() == 1) return 0;
  const auto power = [](int64_t stride) {
    return static_cast<int64_t>(std::log2(static_cast<double>(stride)));
  };
  const int64_t first = power(strides_.front()), last = power(strides_.back());
  const float side = std::sqrt(box.width() * box.height());
  const float wanted = std::floor(canonical_level_ + std::log2(side / canonical_box_size_ + 1e-8f));
  if (!(wanted > static_cast<float>(first))) return 0;
  return wanted >= static_cast<float>(last) ? last - first : static_cast<int64_t>(wanted) - first;
}

}  // namespace groupnet
