#include "core/workspace.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/layout.h"

namespace groupnet {

namespace {

template <class T>
MapView<T> make_map(Arena& arena, int64_t images, const BufferShape& shape, int64_t pixel) {
  MapView<T> map;
  map.pixel_stride = pixel;
  map.row_stride = (shape.width + 2 * shape.border) * pixel;
  map.image_stride = (shape.height + 2 * shape.border) * map.row_stride;
  // One more: the stem reads numbers in pairs.
  map.origin = arena.make<T>(static_cast<size_t>(images * map.image_stride) + 1) +
               shape.border * (map.row_stride + pixel);
  return map;
}

template <class T>
MapView<const T> read_only(const MapView<T>& map) {
  return {map.origin, map.image_stride, map.row_stride, map.pixel_stride};
}

// Kernels never write the border, so it is filled once; what they write inside is overwritten.
template <class T, class Put>
void fill(const MapView<T>& map, int64_t images, const BufferShape& shape, const Put& put) {
  for (int64_t n = 0; n < images; ++n) {
    for (int64_t y = -shape.border; y < shape.height + shape.border; ++y) {
      for (int64_t x = -shape.border; x < shape.width + shape.border; ++x) put(map.at(n, y, x));
    }
  }
}

void put_ones(uint32_t* pixel, int channels, bool paired) {
  for (int c = 0; c < channels; c += 64) {
    auto ones = [&](int first) {
      int count = std::clamp(channels - first, 0, 32);
      return count == 32 ? ~uint32_t{0} : (uint32_t{1} << count) - 1;
    };
    WordPair pair = pair_words(ones(c), ones(c + 32), paired);
    *pixel++ = pair.first;
    *pixel++ = pair.second;
  }
}

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

Workspace::Workspace(const Program& program, const std::vector<PreparedStep>& prepared,
                     const KernelTable& kernels, const ImageSize& size)
    : size_(size) {
  Shapes shapes = infer_shapes(program, size);
  allocate(program, shapes, kernels.paired);
  steps_.resize(program.steps.size());
  for (size_t i = 0; i < steps_.size(); ++i) {
    const StepSpec& spec = program.steps[i];
    PlannedStep& step = steps_[i];
    step.height = static_cast<int>(shapes.steps[i].height);
    step.width = static_cast<int>(shapes.steps[i].width);
    step.stem = prepared[i].stem;
    step.join = prepared[i].join;
    step.branch_parts = prepared[i].branches;
    step.sinks = prepared[i].sinks;
    step.joined_parts = prepared[i].joined;
    if (spec.op == StepSpec::Op::kStem) {
      plan_stem(program, spec, prepared[i].last_channel_sums, step);
      scratch_size_ = std::max(scratch_size_, kernels.stem_scratch(step.stem));
    } else if (spec.op == StepSpec::Op::kConv) {
      plan_conv(spec, step);
      if (spec.conv.join)
        scratch_size_ = std::max(scratch_size_, kernels.joined_scratch(step.conv));
    } else {
      plan_mean(spec, step);
    }
  }
}

void Workspace::allocate(const Program& program, const Shapes& shapes, bool paired) {
  buffers_.resize(program.buffers.size());
  for (size_t i = 0; i < buffers_.size(); ++i) {
    const BufferSpec& spec = program.buffers[i];
    const BufferShape& shape = shapes.buffers[i];
    if (shape.height == 0) continue;
    BufferMemory& memory = buffers_[i];
    memory.height = shape.height;
    memory.width = shape.width;
    if (spec.bits) {
      memory.words = make_map<uint32_t>(arena_, size_.images, shape, words_of(spec.channels));
      if (spec.pad != 0) {
        fill(memory.words, size_.images, shape,
             [&](uint32_t* pixel) { put_ones(pixel, spec.channels, paired); });
      }
    } else {
      int padded = blocks_of(spec.channels) * kBlock;
      memory.floats = make_map<float>(arena_, size_.images, shape, padded);
      if (spec.pad != 0) {
        fill(memory.floats, size_.images, shape,
             [&](float* pixel) { std::fill(pixel, pixel + spec.channels, spec.pad); });
      }
    }
  }
}

void Workspace::plan_stem(const Program& program, const StepSpec& spec,
                          const int32_t* last_channel_sums, PlannedStep& step) {
  const Window& conv = spec.stem.conv;
  BufferShape image{size_.height, size_.width, conv.padding};
  step.pixels = make_map<int16_t>(arena_, size_.images, image, program.input_channels);
  StemArgs& args = step.stem;
  args.pixels = read_only(step.pixels);
  args.pixels.origin -= conv.padding * (args.pixels.row_stride + args.pixels.pixel_stride);
  args.conv_height = static_cast<int>(conv.output(size_.height, conv.kernel_height));
  args.conv_width = static_cast<int>(conv.output(size_.width, conv.kernel_width));
  args.height = step.height;
  args.width = step.width;
  args.sinks = plan_sinks(spec.stem.sinks, step.sinks);
  plan_inside_sums(conv, last_channel_sums, args);
}

void Workspace::plan_inside_sums(const Window& conv, const int32_t* last_channel_sums,
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

void Workspace::plan_conv(const StepSpec& spec, PlannedStep& step) {
  const auto& specs = spec.conv.branches;
  for (size_t k = 0; k < specs.size(); ++k) {
    PreparedBranch& parts = step.branch_parts[k];
    for (size_t t = 0; t < parts.terms.size(); ++t) plan_term(specs[k].terms[t], parts.terms[t]);
    BranchArgs args;
    args.terms = parts.terms.data();
    args.num_terms = static_cast<int>(parts.terms.size());
    if (specs[k].residual >= 0) args.residual = read_only(buffers_[specs[k].residual].floats);
    args.final = parts.final;
    if (specs[k].sinks) args.sinks = plan_sinks(*specs[k].sinks, parts.sinks);
    step.branches.push_back(args);
  }
  ConvArgs& conv = step.conv;
  conv.branches = step.branches.data();
  conv.num_branches = static_cast<int>(step.branches.size());
  conv.blocks = blocks_of(spec.out_channels);
  conv.height = step.height;
  conv.width = step.width;
  if (!spec.conv.join) return;
  const JoinSpec& join = *spec.conv.join;
  bool any = false;
  for (size_t k = 0; k < join.branches.size(); ++k) {
    any = any || join.branches[k].has_value();
    step.joined.push_back(join.branches[k] ? plan_sinks(*join.branches[k], step.joined_parts[k])
                                           : SinksArgs{});
  }
  if (join.merged) step.join.merged = plan_sinks(*join.merged, step.sinks);
  step.join.branches = any ? step.joined.data() : nullptr;
  conv.join = &step.join;
}

void Workspace::plan_term(const TermSpec& spec, TermArgs& args) {
  const BufferMemory& input = buffers_[spec.input];
  const Window& conv = spec.conv;
  const bool whole_rows = spec.binary && conv.dilation == 1;
  if (spec.binary) {
    args.words = read_only(input.words);
  } else {
    args.values = read_only(input.floats);
  }
  const int64_t row = spec.binary ? args.words.row_stride : args.values.row_stride;
  const int64_t pixel = spec.binary ? args.words.pixel_stride : args.values.pixel_stride;
  const int columns = whole_rows ? 1 : conv.kernel_width;
  args.num_runs = conv.kernel_height * columns;
  args.run_length = spec.binary ? static_cast<int>(pixel / 2) * (whole_rows ? conv.kernel_width : 1)
                                : static_cast<int>(spec.weight.shape[3]);
  auto* offsets = arena_.make<int64_t>(static_cast<size_t>(args.num_runs));
  for (int y = 0; y < conv.kernel_height; ++y) {
    for (int x = 0; x < columns; ++x) {
      offsets[y * columns + x] = conv.dilation * (y * row + x * pixel);
    }
  }
  args.run_offsets = offsets;
}

void Workspace::plan_mean(const StepSpec& spec, PlannedStep& step) {
  const BufferMemory& input = buffers_[spec.mean.input];
  step.mean.input = read_only(input.floats);
  step.mean.output = buffers_[spec.mean.output].floats;
  step.mean.height = static_cast<int>(input.height);
  step.mean.width = static_cast<int>(input.width);
  step.mean.factor = static_cast<float>(1.0 / static_cast<double>(input.height * input.width));
}

SinksArgs Workspace::plan_sinks(const SinksSpec& spec, PreparedSinks& parts) {
  SinksArgs args;
  if (spec.float_buffer >= 0) args.floats = buffers_[spec.float_buffer].floats;
  for (size_t i = 0; i < parts.bits.size(); ++i) {
    parts.bits[i].map = buffers_[spec.bits[i].buffer].words;
  }
  for (size_t i = 0; i < parts.levels.size(); ++i) {
    parts.levels[i].map = buffers_[spec.levels[i].buffer].floats;
  }
  args.bits = parts.bits.data();
  args.num_bits = static_cast<int>(parts.bits.size());
  args.levels = parts.levels.data();
  args.num_levels = static_cast<int>(parts.levels.size());
  return args;
}

float* Workspace::scratch(int thread) { return scratch_[static_cast<size_t>(thread)]; }

void Workspace::reserve_scratch(int threads) {
  while (static_cast<int>(scratch_.size()) < threads) {
    scratch_.push_back(arena_.make<float>(static_cast<size_t>(scratch_size_)));
  }
}

}  // namespace groupnet
