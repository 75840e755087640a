// Constants of convolutions in the layout of the kernels.
#include <algorithm>

#include "core/ops/conv/conv.h"
#include "core/weights/layout.h"

namespace groupnet {

namespace {

void pack_signs(const TermSpec& term, int channels, WeightPacker& packer, TermArgs& args) {
  const int in_channels = packer.buffer(term.input).channels;
  args.kind = TermKind::kBits;
  args.weight_words = packer.weights<uint32_t>(term.weight, Layout::kSigns, in_channels, [&] {
    return lay_out_signs(term.weight, in_channels, packer.kernels(), packer.arena());
  });
  std::vector<float> offset(term.offset.begin(), term.offset.end());
  if (offset.empty()) {
    int products = term.conv.kernel_height * term.conv.kernel_width * in_channels;
    offset.assign(static_cast<size_t>(channels), static_cast<float>(products));
  }
  args.offset = lay_out_channels(offset, channels, 0.0f, packer.arena());
}

void pack_bytes(const TermSpec& term, WeightPacker& packer, TermArgs& args) {
  const int zero = static_cast<int>(packer.buffer(term.input).pad);
  args.kind = TermKind::kBytes;
  args.weight_bytes = packer.weights<int8_t>(term.weight, Layout::kBytes, 0, [&] {
    return lay_out_bytes(term.weight, packer.kernels(), packer.arena());
  });
  args.start = packer.weights<int32_t>(term.weight, Layout::kByteStarts, zero, [&] {
    return byte_starts(term.weight, zero, packer.kernels(), packer.arena());
  });
}

void pack_floats(const TermSpec& term, WeightPacker& packer, TermArgs& args) {
  args.kind = TermKind::kFloats;
  args.weight_values = packer.weights<float>(term.weight, Layout::kFloats, 0, [&] {
    return lay_out_floats(term.weight, packer.kernels().group_blocks, packer.arena());
  });
}

TermArgs pack_term(const TermSpec& term, int channels, WeightPacker& packer) {
  TermArgs args;
  args.stride = term.conv.stride;
  args.padding = term.conv.padding;
  args.map = packer.pack(term.map, channels);
  switch (term.kind) {
    case BufferKind::kBits: pack_signs(term, channels, packer, args); break;
    case BufferKind::kBytes: pack_bytes(term, packer, args); break;
    case BufferKind::kFloat: pack_floats(term, packer, args); break;
  }
  return args;
}

void pack_join(const JoinSpec& join, int channels, WeightPacker& packer, PackedConv& packed) {
  JoinArgs& args = packed.join;
  if (!join.scales.empty()) {
    auto* scales = packer.arena().make<float>(join.branches.size());
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
  if (join.merged) packed.merged = packer.pack(*join.merged, channels);
  for (const auto& sinks : join.branches) {
    packed.joined.push_back(sinks ? packer.pack(*sinks, channels) : PackedSinks{});
  }
}

}  // namespace

PackedConv pack_conv(Conv& conv, WeightPacker& packer) {
  PackedConv packed;
  const int channels = conv.out_channels;
  for (auto& branch : conv.branches) {
    PackedBranch& to = packed.branches.emplace_back();
    for (auto& term : branch.terms) {
      to.terms.push_back(pack_term(term, channels, packer));
      term.weight.data = nullptr;
    }
    to.final = packer.pack(branch.final, channels);
    if (branch.sinks) to.sinks = packer.pack(*branch.sinks, channels);
  }
  if (conv.join) pack_join(*conv.join, channels, packer, packed);
  return packed;
}

}  // namespace groupnet
