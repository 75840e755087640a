#include "core/plan/step_planner.h"

#include <algorithm>

#include "core/weights/layout.h"

namespace groupnet {

void StepPlanner::plan(const StepSpec& spec, const PackedStep& packed, PlannedStep& step) {
  step.stem = packed.stem;
  step.input = packed.input;
  step.join = packed.join;
  step.branch_parts = packed.branches;
  step.sinks = packed.sinks;
  step.joined_parts = packed.joined;
  in_a_row_ = false;
  switch (spec.op) {
    case StepSpec::Op::kStem: plan_stem(spec.stem, packed.last_channel_sums, step); break;
    case StepSpec::Op::kInput: plan_input(spec.input, step); break;
    case StepSpec::Op::kConv: plan_conv(spec, step); break;
    default: plan_move(spec, step); break;
  }
}

// Where a step gives one pixel for each image, the images are taken for the pixels of one row, so
// that weights are read once for several of them.
template <class T>
MapView<T> StepPlanner::seen(const MapView<T>& map) const {
  if (!in_a_row_) return map;
  return {map.origin, 0, 0, map.image_stride};
}

void StepPlanner::plan_input(const InputSpec& spec, PlannedStep& step) {
  InputArgs& args = step.input;
  args.channels = program_.input_channels;
  args.values.pixel_stride = args.channels;
  args.values.row_stride = size_.width * args.values.pixel_stride;
  args.values.image_stride = size_.height * args.values.row_stride;
  args.height = step.height;
  args.width = step.width;
  args.sinks = plan_sinks(spec.sinks, step.sinks);
}

void StepPlanner::plan_conv(const StepSpec& spec, PlannedStep& step) {
  in_a_row_ = step.height == 1 && step.width == 1;
  step.images = in_a_row_ ? 1 : size_.images;
  const auto& specs = spec.conv.branches;
  for (size_t k = 0; k < specs.size(); ++k) {
    PackedBranch& parts = step.branch_parts[k];
    for (size_t t = 0; t < parts.terms.size(); ++t) plan_term(specs[k].terms[t], parts.terms[t]);
    BranchArgs args;
    args.terms = parts.terms.data();
    args.num_terms = static_cast<int>(parts.terms.size());
    if (specs[k].residual >= 0) {
      args.residual = read_only(seen(buffers_[specs[k].residual].floats));
      args.residual_factor = in_a_row_ ? 1 : specs[k].residual_factor;
    }
    args.final = parts.final;
    if (specs[k].sinks) args.sinks = plan_sinks(*specs[k].sinks, parts.sinks);
    step.branches.push_back(args);
  }
  ConvArgs& conv = step.conv;
  conv.branches = step.branches.data();
  conv.num_branches = static_cast<int>(step.branches.size());
  conv.blocks = blocks_of(spec.out_channels);
  conv.height = step.height;
  conv.width = in_a_row_ ? static_cast<int>(size_.images) : step.width;
  if (spec.conv.join) plan_join(*spec.conv.join, step);
}

void StepPlanner::plan_join(const JoinSpec& spec, PlannedStep& step) {
  bool any = false;
  for (size_t k = 0; k < spec.branches.size(); ++k) {
    any = any || spec.branches[k].has_value();
    step.joined.push_back(spec.branches[k] ? plan_sinks(*spec.branches[k], step.joined_parts[k])
                                           : SinksArgs{});
  }
  if (spec.merged) step.join.merged = plan_sinks(*spec.merged, step.sinks);
  step.join.branches = any ? step.joined.data() : nullptr;
  step.conv.join = &step.join;
}

void StepPlanner::plan_term(const TermSpec& spec, TermArgs& args) {
  const BufferMemory& input = buffers_[spec.input];
  const Window& conv = spec.conv;
  const int64_t row_positions = conv.dilation == 1 ? conv.kernel_width : 1;
  // From the first position of the kernel, where images are a row: its padding is taken off here.
  const auto first = [&](auto map) {
    if (in_a_row_) map.origin = map.at(0, -conv.padding, -conv.padding);
    return read_only(seen(map));
  };
  switch (spec.kind) {
    case BufferKind::kBits:
      args.words = first(input.words);
      args.run_length = static_cast<int>(input.words.pixel_stride / 2 * row_positions);
      plan_runs(spec, input.words, conv.dilation == 1, args);
      break;
    case BufferKind::kBytes:
      args.bytes = first(input.bytes);
      args.run_length = static_cast<int>(input.bytes.pixel_stride / 4 * row_positions);
      plan_runs(spec, input.bytes, conv.dilation == 1, args);
      break;
    case BufferKind::kFloat:
      args.values = first(input.floats);
      args.run_length = static_cast<int>(spec.weight.shape[3]);
      plan_runs(spec, input.floats, false, args);
      break;
  }
  if (in_a_row_) {
    args.stride = 1;
    args.padding = 0;
  }
}

template <class T>
void StepPlanner::plan_runs(const TermSpec& spec, const MapView<T>& map, bool whole_rows,
                            TermArgs& args) {
  const Window& conv = spec.conv;
  const int columns = whole_rows ? 1 : conv.kernel_width;
  args.num_runs = conv.kernel_height * columns;
  auto* offsets = arena_.make<int64_t>(static_cast<size_t>(args.num_runs));
  for (int y = 0; y < conv.kernel_height; ++y) {
    for (int x = 0; x < columns; ++x) {
      offsets[y * columns + x] = conv.dilation * (y * map.row_stride + x * map.pixel_stride);
    }
  }
  args.run_offsets = offsets;
}

void StepPlanner::plan_move(const StepSpec& spec, PlannedStep& step) {
  switch (spec.op) {
    case StepSpec::Op::kMean: plan_mean(spec.move, step.mean); break;
    case StepSpec::Op::kResize: plan_resize(spec, step); break;
    case StepSpec::Op::kMaxPool: plan_max_pool(spec, step); break;
    default: plan_depth_to_space(spec, step); break;
  }
}

template <class Args>
void StepPlanner::plan_maps(const MoveSpec& move, Args& args) const {
  args.input = read_only(buffers_[move.input].floats);
  args.output = buffers_[move.output].floats;
}

void StepPlanner::plan_mean(const MoveSpec& move, MeanArgs& args) const {
  const BufferMemory& from = buffers_[move.input];
  plan_maps(move, args);
  args.height = static_cast<int>(from.height);
  args.width = static_cast<int>(from.width);
  args.factor = static_cast<float>(1.0 / static_cast<double>(from.height * from.width));
}

// Sizes of both maps, for each of which `args` has a place.
template <class Args>
void StepPlanner::plan_sizes(const StepSpec& spec, const PlannedStep& step, Args& args) const {
  plan_maps(spec.move, args);
  const BufferMemory& from = buffers_[spec.move.input];
  args.blocks = blocks_of(spec.out_channels);
  args.in_height = static_cast<int>(from.height);
  args.in_width = static_cast<int>(from.width);
  args.height = step.height;
  args.width = step.width;
}

void StepPlanner::plan_resize(const StepSpec& spec, PlannedStep& step) const {
  const MoveSpec& move = spec.move;
  ResizeArgs& args = step.resize;
  plan_sizes(spec, step, args);
  args.step = move.by_centers ? 2 : 1;  // halves of pixels, as a center is between two
  args.start = move.by_centers ? 1 - move.factor : 0;
  args.parts = args.step * move.factor;
}

void StepPlanner::plan_max_pool(const StepSpec& spec, PlannedStep& step) const {
  MaxPoolArgs& args = step.max_pool;
  plan_sizes(spec, step, args);
  args.kernel = spec.move.pool.kernel_height;
  args.stride = spec.move.pool.stride;
  args.padding = spec.move.pool.padding;
}

void StepPlanner::plan_depth_to_space(const StepSpec& spec, PlannedStep& step) const {
  DepthToSpaceArgs& args = step.depth_to_space;
  plan_maps(spec.move, args);
  args.factor = spec.move.factor;
  args.channels = spec.out_channels;
  args.height = step.height;
  args.width = step.width;
}

SinksArgs StepPlanner::plan_sinks(const SinksSpec& spec, PackedSinks& parts) {
  SinksArgs args;
  if (spec.float_buffer >= 0) args.floats = seen(buffers_[spec.float_buffer].floats);
  for (size_t i = 0; i < parts.bits.size(); ++i) {
    parts.bits[i].map = seen(buffers_[spec.bits[i].buffer].words);
  }
  for (size_t i = 0; i < parts.levels.size(); ++i) {
    parts.levels[i].map = seen(buffers_[spec.levels[i].buffer].floats);
  }
  for (size_t i = 0; i < parts.bytes.size(); ++i) {
    parts.bytes[i].map = seen(buffers_[spec.bytes[i].buffer].bytes);
  }
  args.bits = parts.bits.data();
  args.num_bits = static_cast<int>(parts.bits.size());
  args.levels = parts.levels.data();
  args.num_levels = static_cast<int>(parts.levels.size());
  args.bytes = parts.bytes.data();
  args.num_bytes = static_cast<int>(parts.bytes.size());
  return args;
}

}  // namespace groupnet
