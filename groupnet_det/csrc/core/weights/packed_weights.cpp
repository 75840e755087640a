#include "core/weights/packed_weights.h"

#include <algorithm>
#include <limits>

#include "core/weights/layout.h"

namespace groupnet {

namespace {

enum Layout { kOfChannels, kOfThresholds, kOfSigns, kOfFloats, kOfBytes, kOfStarts };

class WeightPacker {
 public:
  WeightPacker(const Program& program, const KernelTable& kernels, Constants& constants)
      : program_(program), kernels_(kernels), constants_(constants), arena_(constants.arena()) {}

  PackedStep pack(const StepSpec& step) {
    channels_ = step.out_channels;
    PackedStep packed;
    if (step.op == StepSpec::Op::kStem) pack_stem(step.stem, packed);
    if (step.op == StepSpec::Op::kInput) pack_input(step.input, packed);
    if (step.op == StepSpec::Op::kConv) pack_conv(step.conv, packed);
    return packed;
  }

 private:
  // `rows` of values for each channel, filled up with `fill`.
  const float* channels(const Channels& values, float fill = 0, int rows = 1) {
    if (values.empty()) return nullptr;
    const Layout layout = fill == 0 ? kOfChannels : kOfThresholds;
    return constants_.once<float>(values.begin(), layout, {rows, channels_}, [&] {
      return lay_out_channels(values, channels_, fill, arena_, rows);
    });
  }

  // A layout of weights, which depends on `detail`.
  template <class T, class Make>
  const T* weights(const TermSpec& term, Layout layout, int detail, const Make& make) {
    std::vector<int64_t> key = term.weight.shape;
    key.push_back(detail);
    return constants_.once<T>(term.weight.data, layout, std::move(key), make);
  }

  MapArgs pack(const MapSpec& map) {
    static constexpr ActCode kCodes[] = {ActCode::kNone, ActCode::kRelu, ActCode::kPrelu};
    MapArgs args;
    args.scale1 = channels(map.scale1);
    args.shift1 = channels(map.shift1);
    args.slope = channels(map.slope);
    args.scale2 = channels(map.scale2);
    args.shift2 = channels(map.shift2);
    args.act = kCodes[static_cast<int>(map.act)];
    args.is_identity = map.is_identity();
    return args;
  }

  PackedSinks pack(const SinksSpec& sinks) {
    PackedSinks packed;
    for (const auto& sink : sinks.bits) packed.bits.push_back(pack(sink));
    for (const auto& sink : sinks.levels) packed.levels.push_back(pack(sink));
    for (const auto& sink : sinks.bytes) {
      BytesSinkArgs& args = packed.bytes.emplace_back();
      args.scale = sink.scale;
      args.zero = sink.zero;
    }
    return packed;
  }

  BitsSinkArgs pack(const BitsSinkSpec& sink) {
    const int blocks = blocks_of(channels_);
    auto* flip = arena_.make<uint16_t>(static_cast<size_t>(blocks));
    auto* valid = arena_.make<uint16_t>(static_cast<size_t>(blocks));
    for (int c = 0; c < channels_; ++c) {
      auto bit = static_cast<uint16_t>(1 << (c % kBlock));
      valid[c / kBlock] |= bit;
      if (sink.invert.empty() || sink.invert[c] == 0) flip[c / kBlock] |= bit;
    }
    BitsSinkArgs args;
    args.threshold = sink.threshold.empty()
                         ? arena_.make<float>(static_cast<size_t>(blocks) * kBlock)
                         : channels(sink.threshold);
    args.flip = flip;
    args.valid = valid;
    return args;
  }

  LevelsSinkArgs pack(const LevelsSinkSpec& sink) {
    LevelsSinkArgs args;
    args.num_thresholds = sink.num_thresholds;
    args.thresholds =
        channels(sink.thresholds, std::numeric_limits<float>::infinity(), sink.num_thresholds);
    args.values = channels(sink.values, 0, sink.num_thresholds + 1);
    return args;
  }

  void pack_stem(const StemSpec& stem, PackedStep& packed) {
    StemArgs& args = packed.stem;
    args.stride = stem.conv.stride;
    args.kernel_height = stem.conv.kernel_height;
    args.run_length = stem_pairs(stem.weight);
    args.weights = lay_out_stem(stem.weight, kernels_.group_blocks, arena_);
    packed.last_channel_sums = sum_last_channel(stem.weight, arena_);
    args.blocks = blocks_of(channels_);
    if (stem.pool) {
      args.pool_kernel = stem.pool->kernel_height;
      args.pool_stride = stem.pool->stride;
      args.pool_padding = stem.pool->padding;
    }
    args.map = pack(stem.map);
    packed.sinks = pack(stem.sinks);
  }

  void pack_input(const InputSpec& input, PackedStep& packed) {
    packed.input.blocks = blocks_of(channels_);
    packed.input.map = pack(input.map);
    packed.sinks = pack(input.sinks);
  }

  void pack_conv(const ConvSpec& conv, PackedStep& packed) {
    for (const auto& branch : conv.branches) {
      PackedBranch& to = packed.branches.emplace_back();
      for (const auto& term : branch.terms) to.terms.push_back(pack(term));
      to.final = pack(branch.final);
      if (branch.sinks) to.sinks = pack(*branch.sinks);
    }
    if (conv.join) pack_join(*conv.join, packed);
  }

  TermArgs pack(const TermSpec& term) {
    TermArgs args;
    args.stride = term.conv.stride;
    args.padding = term.conv.padding;
    args.map = pack(term.map);
    switch (term.kind) {
      case BufferKind::kBits: pack_signs(term, args); break;
      case BufferKind::kBytes: pack_bytes(term, args); break;
      case BufferKind::kFloat:
        args.kind = TermKind::kFloats;
        args.weight_values = weights<float>(term, kOfFloats, 0, [&] {
          return lay_out_floats(term.weight, kernels_.group_blocks, arena_);
        });
        break;
    }
    return args;
  }

  void pack_signs(const TermSpec& term, TermArgs& args) {
    const int in_channels = program_.buffers[term.input].channels;
    args.kind = TermKind::kBits;
    args.weight_words = weights<uint32_t>(term, kOfSigns, in_channels, [&] {
      return lay_out_signs(term.weight, in_channels, kernels_, arena_);
    });
    std::vector<float> offset(term.offset.begin(), term.offset.end());
    if (offset.empty()) {
      int products = term.conv.kernel_height * term.conv.kernel_width * in_channels;
      offset.assign(static_cast<size_t>(channels_), static_cast<float>(products));
    }
    args.offset = lay_out_channels(offset, channels_, 0.0f, arena_);
  }

  void pack_bytes(const TermSpec& term, TermArgs& args) {
    const int zero = static_cast<int>(program_.buffers[term.input].pad);
    args.kind = TermKind::kBytes;
    args.weight_bytes = weights<int8_t>(
        term, kOfBytes, 0, [&] { return lay_out_bytes(term.weight, kernels_, arena_); });
    args.start = weights<int32_t>(term, kOfStarts, zero,
                                  [&] { return byte_starts(term.weight, zero, kernels_, arena_); });
  }

  void pack_join(const JoinSpec& join, PackedStep& packed) {
    JoinArgs& args = packed.join;
    if (!join.scales.empty()) {
      auto* scales = arena_.make<float>(join.branches.size());
      std::copy(join.scales.begin(), join.scales.end(), scales);
      args.scales = scales;
    }
    args.mean = 1.0f / static_cast<float>(join.branches.size());
    args.alias = join.alias;
    args.gated = join.gate.has_value();
    if (join.gate) {
      args.gate[0] = (*join.gate)[0];
      args.gate[1] = (*join.gate)[1];
    }
    args.has_merged = join.merged.has_value();
    if (join.merged) packed.sinks = pack(*join.merged);
    for (const auto& sinks : join.branches) {
      packed.joined.push_back(sinks ? pack(*sinks) : PackedSinks{});
    }
  }

  const Program& program_;
  const KernelTable& kernels_;
  Constants& constants_;
  Arena& arena_;
  int channels_ = 0;  // of the step
};

}  // namespace

std::vector<PackedStep> pack_weights(const Program& program, const KernelTable& kernels,
                                     Constants& constants) {
  WeightPacker packer(program, kernels, constants);
  std::vector<PackedStep> steps;
  for (const StepSpec& step : program.steps) steps.push_back(packer.pack(step));
  return steps;
}

}  // namespace groupnet
