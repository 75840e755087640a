// Convolutions with the maps of one workspace.
#include "core/ops/conv/conv.h"
#include "core/plan/step_planner.h"
#include "core/weights/layout.h"

namespace groupnet {

namespace {

// Its arguments point to each other.
class PlannedConv : public PlannedStep {
 public:
  PlannedConv(const KernelTable& kernels, const PackedConv& packed)
      : parts(packed), kernels_(kernels) {}
  PlannedConv(const PlannedConv&) = delete;
  PlannedConv& operator=(const PlannedConv&) = delete;

  // Items are rows of 64 channels: of all branches in turn, or of all together where they join.
  void run(Worker& worker) const override {
    worker.in_rows(num_items(), args.height, [&](int64_t item, int64_t begin, int64_t end) {
      compute(item, begin, end, worker.scratch());
    });
  }

  // The kernel takes the shift for the number of the image: see Workspace::place_buffer.
  void run_rows(const Worker& worker, int64_t first, int64_t end, int64_t shift) const override {
    const int64_t items = num_branches() * quads();
    for (int64_t item = 0; item < items; ++item) {
      compute(shift * items + item, first, end, worker.scratch());
    }
  }

  // A pair of words for a block takes three cycles with AVX-512, whose kernels need them most.
  RowWork row_work() const override {
    double cycles = 0;
    for (const BranchArgs& branch : branches) {
      for (int i = 0; i < branch.num_terms; ++i) {
        const TermArgs& term = branch.terms[i];
        const double cycles_of_run = term.kind == TermKind::kBits ? 3 : 0.6;
        cycles += cycles_of_run * term.num_runs * term.run_length;
      }
      cycles += 10;
    }
    return {cycles * args.blocks * args.width};
  }

  void move_maps(const Move& move) override {
    for (size_t k = 0; k < branches.size(); ++k) {
      move.apply(branches[k].residual.origin);
      for (TermArgs& term : parts.branches[k].terms) move.apply(term.values.origin);
      move_sinks(branches[k].sinks, parts.branches[k].sinks, move);
    }
    move_sinks(parts.join.merged, parts.merged, move);
    for (size_t k = 0; k < joined.size(); ++k) move_sinks(joined[k], parts.joined[k], move);
  }

  int64_t images = 0;
  ConvArgs args;
  PackedConv parts;
  std::vector<BranchArgs> branches;
  std::vector<SinksArgs> joined;

 private:
  int64_t num_branches() const { return args.join != nullptr ? 1 : args.num_branches; }
  int64_t quads() const { return (args.blocks + kQuadBlocks - 1) / kQuadBlocks; }
  int64_t num_items() const { return images * num_branches() * quads(); }

  void compute(int64_t item, int64_t begin, int64_t end, const Scratch& scratch) const {
    RowRange range;
    range.first_row = static_cast<int>(begin);
    range.end_row = static_cast<int>(end);
    range.quad = static_cast<int>(item % quads());
    range.branch = static_cast<int>(item / quads() % num_branches());
    range.image = static_cast<int>(item / quads() / num_branches());
    if (args.join != nullptr) {
      kernels_.joined_conv(args, range, scratch.memory, scratch.size);
    } else {
      kernels_.conv(args, range);
    }
  }

  const KernelTable& kernels_;
};

class ConvPlanner {
 public:
  explicit ConvPlanner(StepPlanner& planner)
      : planner_(planner), in_a_row_(planner.height() == 1 && planner.width() == 1) {
    if (in_a_row_) planner_.take_images_for_a_row();
  }

  std::unique_ptr<PlannedStep> plan(const Conv& spec, const PackedConv& packed) {
    auto conv = std::make_unique<PlannedConv>(planner_.kernels(), packed);
    for (size_t k = 0; k < spec.branches.size(); ++k) {
      conv->branches.push_back(plan_branch(spec.branches[k], conv->parts.branches[k]));
    }
    const int images = static_cast<int>(planner_.size().images);
    conv->images = in_a_row_ ? 1 : images;
    ConvArgs& args = conv->args;
    args.branches = conv->branches.data();
    args.num_branches = static_cast<int>(conv->branches.size());
    args.blocks = blocks_of(spec.out_channels);
    args.height = planner_.height();
    args.width = in_a_row_ ? images : planner_.width();
    if (spec.join) {
      plan_join(*spec.join, *conv);
      planner_.need_scratch(planner_.kernels().joined_scratch(args));
    }
    return conv;
  }

 private:
  BranchArgs plan_branch(const BranchSpec& spec, PackedBranch& parts) {
    for (size_t t = 0; t < parts.terms.size(); ++t) plan_term(spec.terms[t], parts.terms[t]);
    BranchArgs args;
    args.terms = parts.terms.data();
    args.num_terms = static_cast<int>(parts.terms.size());
    if (spec.residual >= 0) {
      args.residual = read_only(planner_.seen(planner_.buffer(spec.residual).floats));
      args.residual_factor = in_a_row_ ? 1 : spec.residual_factor;
    }
    args.final = parts.final;
    if (spec.sinks) args.sinks = planner_.plan_sinks(*spec.sinks, parts.sinks);
    return args;
  }

  void plan_join(const JoinSpec& spec, PlannedConv& conv) {
    bool any = false;
    for (size_t k = 0; k < spec.branches.size(); ++k) {
      const auto& sinks = spec.branches[k];
      any = any || sinks.has_value();
      conv.joined.push_back(sinks ? planner_.plan_sinks(*sinks, conv.parts.joined[k])
                                  : SinksArgs{});
    }
    JoinArgs& join = conv.parts.join;
    if (spec.merged) join.merged = planner_.plan_sinks(*spec.merged, conv.parts.merged);
    join.branches = any ? conv.joined.data() : nullptr;
    conv.args.join = &join;
  }

  void plan_term(const TermSpec& spec, TermArgs& args) {
    const BufferMemory& input = planner_.buffer(spec.input);
    const Window& conv = spec.conv;
    const int64_t row_positions = conv.dilation == 1 ? conv.kernel_width : 1;
    // From the first position of the kernel, where images are a row: its padding is taken off here.
    const auto first = [&](auto map) {
      if (in_a_row_) map.origin = map.at(0, -conv.padding, -conv.padding);
      return read_only(planner_.seen(map));
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
  void plan_runs(const TermSpec& spec, const MapView<T>& map, bool whole_rows, TermArgs& args) {
    const Window& conv = spec.conv;
    const int columns = whole_rows ? 1 : conv.kernel_width;
    args.num_runs = conv.kernel_height * columns;
    auto* offsets = planner_.arena().make<int64_t>(static_cast<size_t>(args.num_runs));
    for (int y = 0; y < conv.kernel_height; ++y) {
      for (int x = 0; x < columns; ++x) {
        offsets[y * columns + x] = conv.dilation * (y * map.row_stride + x * map.pixel_stride);
      }
    }
    args.run_offsets = offsets;
  }

  StepPlanner& planner_;
  const bool in_a_row_;
};

}  // namespace

std::unique_ptr<PlannedStep> plan_conv(const Conv& conv, const PackedConv& packed,
                                       StepPlanner& planner) {
  return ConvPlanner(planner).plan(conv, packed);
}

}  // namespace groupnet
