#include "core/weights/weight_packer.h"

#include <limits>

#include "core/weights/layout.h"

namespace groupnet {

const float* WeightPacker::lay_out(const Channels& values, int channels, float fill, int rows) {
  if (values.empty()) return nullptr;
  const Layout layout = fill == 0 ? Layout::kChannels : Layout::kThresholds;
  return constants_.once<float>(values.begin(), static_cast<int>(layout), {rows, channels}, [&] {
    return lay_out_channels(values, channels, fill, arena(), rows);
  });
}

MapArgs WeightPacker::pack(const MapSpec& map, int channels) {
  static constexpr ActCode kCodes[] = {ActCode::kNone, ActCode::kRelu, ActCode::kPrelu};
  MapArgs args;
  args.scale1 = lay_out(map.scale1, channels);
  args.shift1 = lay_out(map.shift1, channels);
  args.slope = lay_out(map.slope, channels);
  args.scale2 = lay_out(map.scale2, channels);
  args.shift2 = lay_out(map.shift2, channels);
  args.act = kCodes[static_cast<int>(map.act)];
  args.is_identity = map.is_identity();
  return args;
}

PackedSinks WeightPacker::pack(const SinksSpec& sinks, int channels) {
  PackedSinks packed;
  for (const auto& sink : sinks.bits) packed.bits.push_back(pack(sink, channels));
  for (const auto& sink : sinks.levels) packed.levels.push_back(pack(sink, channels));
  for (const auto& sink : sinks.bytes) {
    BytesSinkArgs& args = packed.bytes.emplace_back();
    args.scale = sink.scale;
    args.zero = sink.zero;
  }
  return packed;
}

BitsSinkArgs WeightPacker::pack(const BitsSinkSpec& sink, int channels) {
  const int blocks = blocks_of(channels);
  auto* flip = arena().make<uint16_t>(static_cast<size_t>(blocks));
  auto* valid = arena().make<uint16_t>(static_cast<size_t>(blocks));
  for (int c = 0; c < channels; ++c) {
    auto bit = static_cast<uint16_t>(1 << (c % kBlock));
    valid[c / kBlock] |= bit;
    if (sink.invert.empty() || sink.invert[c] == 0) flip[c / kBlock] |= bit;
  }
  BitsSinkArgs args;
  args.threshold = sink.threshold.empty()
                       ? arena().make<float>(static_cast<size_t>(blocks) * kBlock)
                       : lay_out(sink.threshold, channels);
  args.flip = flip;
  args.valid = valid;
  return args;
}

LevelsSinkArgs WeightPacker::pack(const LevelsSinkSpec& sink, int channels) {
  LevelsSinkArgs args;
  args.num_thresholds = sink.num_thresholds;
  args.thresholds = lay_out(sink.thresholds, channels, std::numeric_limits<float>::infinity(),
                            sink.num_thresholds);
  args.values = lay_out(sink.values, channels, 0, sink.num_thresholds + 1);
  return args;
}

}  // namespace groupnet
