#include "core/plan/strips/strip_choice.h"

#include <algorithm>
#include <set>

#include "core/plan/strips/row_order.h"
#include "core/weights/layout.h"

namespace groupnet {

namespace {

// Longer chains would get far ahead, and their order would take long to find.
constexpr size_t kMaxSteps = 16;
// Each strip reads all weights of its chain: they should lie in a cache, too.
constexpr size_t kMaxWeightBytes = size_t{3} << 19;

// Of all maps of floats that the steps write. Those of bits are small.
int64_t bytes_of_row(const Program& program, size_t first, size_t end, int64_t width) {
  std::set<int> written;
  for (size_t step = first; step < end; ++step) {
    for (int buffer : program.steps[step]->writes()) written.insert(buffer);
  }
  int64_t bytes = 0;
  for (int buffer : written) {
    const BufferSpec& spec = program.buffers[buffer];
    if (spec.kind == BufferKind::kFloat) bytes += 4 * width * blocks_of(spec.channels) * kBlock;
  }
  return bytes;
}

// Rows by which the first step has to be ahead of the last one.
int64_t rows_ahead(const Program& program, size_t first, size_t end, const MapSize& map) {
  return RowOrder(program, first, end, map.height).ends_for(1).front() - 1;
}

// The end of the chain that starts with a step; that step where it starts none.
size_t end_of_chain(const Program& program, const Shapes& shapes, size_t first) {
  size_t end = first, weights = 0;
  for (; end < program.steps.size() && end < first + kMaxSteps; ++end) {
    const Step& step = *program.steps[end];
    weights += step.weight_bytes();
    if (weights > kMaxWeightBytes || !(shapes.steps[end] == shapes.steps[first]) ||
        !step.row_windows()) {
      break;
    }
  }
  return end;
}

}  // namespace

std::vector<StripChain> choose_strips(const Program& program, const Shapes& shapes,
                                      const ImageSize& size, const StripRule& rule) {
  std::vector<StripChain> chains;
  if (size.images > 1) return chains;
  for (size_t first = 0, end; first < program.steps.size(); first = end) {
    const MapSize& map = shapes.steps[first];
    end = end_of_chain(program, shapes, first);
    while (end >= first + 2 &&
           rows_ahead(program, first, end, map) > map.height / rule.share_ahead) {
      --end;
    }
    if (end < first + 2) {  // nothing to hand on
      end = first + 1;
      continue;
    }
    const int64_t row = bytes_of_row(program, first, end, map.width);
    if (row == 0 || row * map.height <= rule.cache_bytes) continue;
    // Rows between the first step and the last one are in use too.
    const int64_t room = rule.cache_bytes / row - rows_ahead(program, first, end, map);
    chains.push_back({first, end, rule.rows > 0 ? rule.rows : std::max<int64_t>(1, room)});
  }
  return chains;
}

}  // namespace groupnet
