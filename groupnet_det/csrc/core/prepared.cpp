#include "core/prepared.h"

#include <limits>

#include "core/layout.h"

namespace groupnet {

namespace {

class Preparer {
 public:
  Preparer(const Program& program, const KernelTable& kernels, Arena& arena)
      : program_(program), kernels_(kernels), arena_(arena) {}

  PreparedStep prepare(const StepSpec& step) {
    channels_ = step.out_channels;
    PreparedStep prepared;
    if (step.op == StepSpec::Op::kStem) prepare_stem(step.stem, prepared);
    if (step.op == StepSpec::Op::kConv) prepare_conv(step.conv, prepared);
    return prepared;
  }

 private:
  const float* channels(const Channels& values, float fill = 0) {
    return values.empty() ? nullptr : lay_out_channels(values, channels_, fill, arena_);
  }

  MapArgs prepare(const MapSpec& map) {
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

  PreparedSinks prepare(const SinksSpec& sinks) {
    PreparedSinks prepared;
    for (const auto& sink : sinks.bits) prepared.bits.push_back(prepare(sink));
    for (const auto& sink : sinks.levels) prepared.levels.push_back(prepare(sink));
    return prepared;
  }

  BitsSinkArgs prepare(const BitsSinkSpec& sink) {
    const int blocks = blocks_of(channels_);
    Channels threshold = sink.threshold;
    if (threshold.empty()) threshold.assign(static_cast<size_t>(channels_), 0.0f);
    auto* flip = arena_.make<uint16_t>(static_cast<size_t>(blocks));
    auto* valid = arena_.make<uint16_t>(static_cast<size_t>(blocks));
    for (int c = 0; c < channels_; ++c) {
      auto bit = static_cast<uint16_t>(1 << (c % kBlock));
      valid[c / kBlock] |= bit;
      if (sink.invert.empty() || sink.invert[c] == 0) flip[c / kBlock] |= bit;
    }
    BitsSinkArgs args;
    args.threshold = channels(threshold);
    args.flip = flip;
    args.valid = valid;
    return args;
  }

  LevelsSinkArgs prepare(const LevelsSinkSpec& sink) {
    LevelsSinkArgs args;
    args.num_thresholds = sink.num_thresholds;
    args.thresholds =
        lay_out_channels(sink.thresholds, channels_, std::numeric_limits<float>::infinity(), arena_,
                         sink.num_thresholds);
    args.values = lay_out_channels(sink.values, channels_, 0.0f, arena_, sink.num_thresholds + 1);
    return args;
  }

  void prepare_stem(const StemSpec& stem, PreparedStep& prepared) {
    StemArgs& args = prepared.stem;
    args.stride = stem.conv.stride;
    args.kernel_height = stem.conv.kernel_height;
    args.run_length = stem_pairs(stem.weight);
    args.weights = lay_out_stem(stem.weight, kernels_.group_blocks, arena_);
    prepared.last_channel_sums = sum_last_channel(stem.weight, arena_);
    args.blocks = blocks_of(channels_);
    if (stem.pool) {
      args.pool_kernel = stem.pool->kernel_height;
      args.pool_stride = stem.pool->stride;
      args.pool_padding = stem.pool->padding;
    }
    args.map = prepare(stem.map);
    prepared.sinks = prepare(stem.sinks);
  }

  void prepare_conv(const ConvSpec& conv, PreparedStep& prepared) {
    for (const auto& branch : conv.branches) {
      PreparedBranch& to = prepared.branches.emplace_back();
      for (const auto& term : branch.terms) to.terms.push_back(prepare(term));
      to.final = prepare(branch.final);
      if (branch.sinks) to.sinks = prepare(*branch.sinks);
    }
    if (conv.join) prepare_join(*conv.join, prepared);
  }

  TermArgs prepare(const TermSpec& term) {
    TermArgs args;
    const int in_channels = program_.buffers[term.input].channels;
    args.binary = term.binary;
    args.stride = term.conv.stride;
    args.padding = term.conv.padding;
    args.map = prepare(term.map);
    if (!term.binary) {
      args.weight_values = lay_out_floats(term.weight, kernels_.group_blocks, arena_);
      return args;
    }
    args.weight_words = lay_out_signs(term.weight, in_channels, kernels_, arena_);
    Channels offset(term.offset.begin(), term.offset.end());
    if (offset.empty()) {
      int products = term.conv.kernel_height * term.conv.kernel_width * in_channels;
      offset.assign(static_cast<size_t>(channels_), static_cast<float>(products));
    }
    args.offset = lay_out_channels(offset, channels_, 0.0f, arena_);
    return args;
  }

  void prepare_join(const JoinSpec& join, PreparedStep& prepared) {
    JoinArgs& args = prepared.join;
    const auto count = join.branches.size();
    if (!join.scales.empty()) {
      auto* scales = arena_.make<float>(count);
      std::copy(join.scales.begin(), join.scales.end(), scales);
      args.scales = scales;
    }
    args.mean = 1.0f / static_cast<float>(count);
    args.alias = join.alias;
    args.gated = join.gate.has_value();
    if (join.gate) {
      args.gate[0] = (*join.gate)[0];
      args.gate[1] = (*join.gate)[1];
    }
    args.has_merged = join.merged.has_value();
    if (join.merged) prepared.sinks = prepare(*join.merged);
    for (const auto& sinks : join.branches) {
      prepared.joined.push_back(sinks ? prepare(*sinks) : PreparedSinks{});
    }
  }

  const Program& program_;
  const KernelTable& kernels_;
  Arena& arena_;
  int channels_ = 0;  // of the step
};

}  // namespace

std::vector<PreparedStep> prepare(const Program& program, const KernelTable& kernels,
                                  Arena& arena) {
  Preparer preparer(program, kernels, arena);
  std::vector<PreparedStep> steps;
  for (const StepSpec& step : program.steps) steps.push_back(preparer.prepare(step));
  return steps;
}

}  // namespace groupnet
