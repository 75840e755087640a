// One step of a program, whatever its operation: core/ops has a class for each of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace groupnet {

class PlannedStep;
class ShapeInference;
class StepPlanner;
class WeightPacker;
struct MapSize;
struct Shapes;

// Rows of a buffer: for row y of what a step writes, it reads `span` of them from
// y * stride - padding on. Rows outside the map are its border, which no step writes.
struct RowWindow {
  int buffer = -1;
  int64_t stride = 1, padding = 0, span = 1;
};

// What a row of a step costs.
struct RowWork {
  double cycles = 0;  // about
  // So many rows cost much less together than one by one. It matters for steps that read no buffer.
  int64_t at_once = 1;
};

// What a step takes besides buffers: the image of the network, or the map that a part is given.
enum class Source { kNone, kImage, kMap };

class Step {
 public:
  virtual ~Step() = default;

  std::string name;
  int out_channels = 0;

  virtual Source source() const { return Source::kNone; }
  // Buffers whose values it needs.
  virtual std::vector<int> reads() const { return {}; }
  // Buffers of which it needs the size alone.
  virtual std::vector<int> reads_size_of() const { return {}; }
  // All buffers that it writes, in the order of the file.
  virtual std::vector<int> writes() const = 0;
  // Threads work on the rows of a step in any order: none may write what another one reads. Throws
  // Error, calling the step `where`.
  virtual void check_overlaps(const std::string& /*where*/) const {}
  // What it reads of each buffer, where its rows may be computed one by one, each whenever these
  // are there: see PlannedStep::run_rows. Empty where it runs as a whole.
  virtual std::optional<std::vector<RowWindow>> row_windows() const { return {}; }
  // What it reads again for each part of its rows.
  virtual size_t weight_bytes() const { return 0; }

  // Lays out its constants for the kernels. The tensors of the file need not live on afterwards.
  virtual void pack(WeightPacker& /*packer*/) {}
  // Height and width of what it writes. Each size that it makes of others on the way goes through
  // `shapes`, as the result does. Throws Error where its maps do not fit each other.
  virtual MapSize output_size(ShapeInference& shapes) const = 0;
  // Memory of its own while it runs, beside the buffers.
  virtual size_t own_bytes(const Shapes& /*shapes*/, int64_t /*images*/) const { return 0; }
  // What runs it on the maps of one workspace.
  virtual std::unique_ptr<PlannedStep> plan(StepPlanner& planner) const = 0;
};

}  // namespace groupnet
