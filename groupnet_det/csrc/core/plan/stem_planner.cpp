// Kernel arguments of the first layer.
#include <algorithm>
#include <map>

#include "core/plan/step_planner.h"
#include "core/weights/layout.h"

namespace groupnet {

namespace {

// Which part [first, end) of the kernel lies inside the image, for each output along an axis.
struct InsideClasses {
  std::vector<std::pair<int64_t, int64_t>> parts;
  std::vector<int32_t> classes;  // the part of each output

  InsideClasses(const Window& conv, int kernel, int64_t input, int64_t outputs) {
    std::map<std::pair<int64_t, int64_t>, int32_t> numbers;
    for (int64_t i = 0; i < outputs; ++i) {
      const int64_t start = i * conv.stride - conv.padding;
      const int64_t first = std::clamp<int64_t>(-start, 0, kernel);
      const int64_t end = std::clamp<int64_t>(input - start, first, kernel);
      auto [found, is_first] =
          numbers.emplace(std::pair{first, end}, static_cast<int32_t>(parts.size()));
      if (is_first) parts.emplace_back(first, end);
      classes.push_back(found->second);
    }
  }
};

const int32_t* copy(const std::vector<int32_t>& values, Arena& arena) {
  auto* out = arena.make<int32_t>(values.size());
  std::copy(values.begin(), values.end(), out);
  return out;
}

}  // namespace

void StepPlanner::plan_stem(const StemSpec& spec, const int32_t* last_channel_sums,
                            PlannedStep& step) {
  const Window& conv = spec.conv;
  StemArgs& args = step.stem;
  args.pixels = read_only(step.pixels.map);
  args.conv_height = static_cast<int>(conv.output(shapes_.canvas.height, conv.kernel_height));
  args.conv_width = static_cast<int>(conv.output(shapes_.canvas.width, conv.kernel_width));
  args.height = step.height;
  args.width = step.width;
  args.sinks = plan_sinks(spec.sinks, step.sinks);
  plan_inside_sums(conv, last_channel_sums, args);
}

void StepPlanner::plan_inside_sums(const Window& conv, const int32_t* last_channel_sums,
                                   StemArgs& args) {
  InsideClasses rows(conv, conv.kernel_height, size_.height, args.conv_height);
  InsideClasses columns(conv, conv.kernel_width, size_.width, args.conv_width);
  const int64_t padded = int64_t{args.blocks} * kBlock;
  auto* sums = arena_.make<int32_t>(rows.parts.size() * columns.parts.size() * padded);
  auto at = [&](int64_t y, int64_t x) {
    return last_channel_sums + (y * (conv.kernel_width + 1) + x) * padded;
  };
  int32_t* to = sums;
  for (const auto& [top, bottom] : rows.parts) {
    for (const auto& [left, right] : columns.parts) {
      const int32_t *a = at(bottom, right), *b = at(top, right), *c = at(bottom, left),
                    *d = at(top, left);
      auto u = [](int32_t v) { return static_cast<uint32_t>(v); };  // wraps around in between
      for (int64_t i = 0; i < padded; ++i) {
        *to++ = static_cast<int32_t>(u(a[i]) - u(b[i]) - u(c[i]) + u(d[i]));
      }
    }
  }
  args.inside_sums = sums;
  args.num_column_classes = static_cast<int>(columns.parts.size());
  args.row_class = copy(rows.classes, arena_);
  args.column_class = copy(columns.classes, arena_);
}

}  // namespace groupnet
