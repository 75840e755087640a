// Branches of convolutions, and their join.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/format/program.h"
#include "core/weights/weight_packer.h"

namespace groupnet {

struct TermSpec {
  int input = -1;
  BufferKind kind = BufferKind::kFloat;  // of the input
  Tensor weight;
  Window conv;
  std::vector<int32_t> offset;
  MapSpec map;
};

struct BranchSpec {
  std::vector<TermSpec> terms;
  int residual = -1;
  int residual_factor = 1;  // 0 for a residual of one pixel
  MapSpec final;
  std::optional<SinksSpec> sinks;
};

struct JoinSpec {
  Channels scales;
  bool alias = false;
  std::optional<std::array<float, 2>> gate;
  std::optional<SinksSpec> merged;
  std::vector<std::optional<SinksSpec>> branches;
};

struct PackedBranch {
  std::vector<TermArgs> terms;
  MapArgs final;
  PackedSinks sinks;
};

// The arguments of the kernel that do not depend on the size of the image.
struct PackedConv {
  std::vector<PackedBranch> branches;
  JoinArgs join;
  PackedSinks merged;
  std::vector<PackedSinks> joined;
};

class Conv : public Step {
 public:
  std::vector<int> reads() const override;
  std::vector<int> writes() const override;
  void check_overlaps(const std::string& where) const override;
  std::optional<std::vector<RowWindow>> row_windows() const override;
  size_t weight_bytes() const override;
  void pack(WeightPacker& packer) override;
  MapSize output_size(ShapeInference& shapes) const override;
  std::unique_ptr<PlannedStep> plan(StepPlanner& planner) const override;

  std::vector<BranchSpec> branches;
  std::optional<JoinSpec> join;

 private:
  PackedConv packed_;
};

// Lays out the constants; `conv` forgets the data of its weights.
PackedConv pack_conv(Conv& conv, WeightPacker& packer);

std::unique_ptr<PlannedStep> plan_conv(const Conv& conv, const PackedConv& packed,
                                       StepPlanner& planner);

}  // namespace groupnet
