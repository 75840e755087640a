#include "core/ops/stem.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "core/error.h"
#include "core/format/readers/part_reader.h"
#include "core/format/readers/tensor_access.h"
#include "core/plan/step_planner.h"
#include "core/weights/layout.h"

namespace groupnet {

namespace {

void check_sums(const Tensor& weight, const std::string& where) {
  auto values = copy_values<int16_t>(weight);
  size_t per_channel = values.size() / static_cast<size_t>(weight.shape[0]);
  for (size_t start = 0; start < values.size(); start += per_channel) {
    int64_t sum = 0;
    for (size_t i = start; i < start + per_channel; ++i) sum += std::abs(int{values[i]});
    require(sum * 255 < (int64_t{1} << 31), where + ": sums of its weights may overflow");
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

void plan_inside_sums(const Window& conv, const int32_t* last_channel_sums, StepPlanner& planner,
                      StemArgs& args) {
  InsideClasses rows(conv, conv.kernel_height, planner.size().height, args.conv_height);
  InsideClasses columns(conv, conv.kernel_width, planner.size().width, args.conv_width);
  const int64_t padded = int64_t{args.blocks} * kBlock;
  auto* sums = planner.arena().make<int32_t>(rows.parts.size() * columns.parts.size() * padded);
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
  args.row_class = copy(rows.classes, planner.arena());
  args.column_class = copy(columns.classes, planner.arena());
}

class PlannedStem : public PlannedStep {
 public:
  PlannedStem(const PixelMap& pixels, const StemArgs& args, const SinksSpec& spec,
              const PackedSinks& sinks, StepPlanner& planner)
      : kernel_(planner.kernels().stem), pixels_(pixels), args_(args), sinks_(sinks) {
    args_.sinks = planner.plan_sinks(spec, sinks_);
    planner.need_scratch(planner.kernels().stem_scratch(args_));
  }

  void run(Worker& worker) const override {
    prepare(worker);
    worker.wait();
    worker.in_rows(
        worker.size().images, args_.height,
        [&](int64_t image, int64_t begin, int64_t end) { compute(worker, image, begin, end); });
  }

  int barriers_within() const override { return 1; }

  // Bytes to 16-bit numbers, with zeros in all that is no image.
  void prepare(const Worker& worker) const override {
    const ImageSize& size = worker.size();
    const int64_t row_size = size.width * pixels_.channels;
    worker.in_rows(size.images, pixels_.rows, [&](int64_t image, int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        int16_t* to = pixels_.map.at(image, row, 0);
        const int64_t y = row - pixels_.border;
        if (y < 0 || y >= size.height) {
          std::fill_n(to, pixels_.map.row_stride, int16_t{0});
          continue;
        }
        const uint8_t* from = worker.given().images + (image * size.height + y) * row_size;
        int16_t* inside = std::fill_n(to, pixels_.border * pixels_.channels, int16_t{0});
        std::fill(std::copy(from, from + row_size, inside), to + pixels_.map.row_stride,
                  int16_t{0});
      }
    });
  }

  // The kernel takes the shift for the number of the image: see Workspace::place_buffer.
  void run_rows(const Worker& worker, int64_t first, int64_t end, int64_t shift) const override {
    compute(worker, shift, first, end);
  }

  // Rows of the convolution that two rows of the pooling look at are computed twice at a cut.
  RowWork row_work() const override {
    const int products = args_.kernel_height * args_.run_length;
    const int pooled = args_.pool_stride * args_.pool_stride;
    const double cycles = args_.width * args_.blocks * (pooled * (0.6 * products + 4) + 10);
    return {cycles, args_.pool_kernel > args_.pool_stride ? 8 : 1};
  }

  void move_maps(const Move& move) override { move_sinks(args_.sinks, sinks_, move); }

 private:
  void compute(const Worker& worker, int64_t image, int64_t begin, int64_t end) const {
    kernel_(args_, static_cast<int>(image), static_cast<int>(begin), static_cast<int>(end),
            reinterpret_cast<int32_t*>(worker.scratch().memory));
  }

  void (*const kernel_)(const StemArgs&, int image, int first_row, int end_row, int32_t* scratch);
  const PixelMap pixels_;
  StemArgs args_;
  PackedSinks sinks_;
};

}  // namespace

std::unique_ptr<Step> read_stem(const PartReader& reader, const Json& json,
                                const std::string& where) {
  auto stem = std::make_unique<Stem>();
  stem->image_channels = reader.program().input_channels;
  stem->conv = read_window(json, where);
  require(stem->conv.dilation == 1, where + ": a stem has no dilation");
  stem->weight = reader.read_weight(json, where, "I16", stem->conv);
  require(stem->weight.shape[3] == stem->image_channels + 1,
          where + ": its weights are not for the channels of the image and one more");
  stem->out_channels = static_cast<int>(stem->weight.shape[0]);
  check_sums(stem->weight, where);
  if (const Json* pool = json.find("pool", where)) stem->pool = read_pool(*pool, where + ".pool");
  stem->map = reader.read_map(json, "map", where, stem->out_channels);
  stem->sinks = reader.read_all_sinks(json, where, stem->out_channels);
  return stem;
}

void Stem::pack(WeightPacker& packer) {
  packed_.stride = conv.stride;
  packed_.kernel_height = conv.kernel_height;
  packed_.run_length = stem_pairs(weight);
  packed_.weights = lay_out_stem(weight, packer.kernels().group_blocks, packer.arena());
  last_channel_sums_ = sum_last_channel(weight, packer.arena());
  weight.data = nullptr;
  packed_.blocks = blocks_of(out_channels);
  if (pool) {
    packed_.pool_kernel = pool->kernel_height;
    packed_.pool_stride = pool->stride;
    packed_.pool_padding = pool->padding;
  }
  packed_.map = packer.pack(map, out_channels);
  packed_sinks_ = packer.pack(sinks, out_channels);
}

MapSize Stem::output_size(ShapeInference& shapes) const {
  shapes.check_canvas(conv.padding);
  const MapSize size = shapes.windowed(shapes.canvas(), conv, out_channels);
  return pool ? shapes.windowed(size, *pool, out_channels) : size;
}

// All but the memory.
PixelMap Stem::plan_pixels(const MapSize& canvas) const {
  PixelMap pixels;
  pixels.channels = image_channels;
  pixels.border = conv.padding;
  pixels.rows = canvas.height + 2 * pixels.border;
  pixels.map.pixel_stride = image_channels;
  pixels.map.row_stride = (canvas.width + 2 * pixels.border) * pixels.map.pixel_stride;
  pixels.map.image_stride = pixels.rows * pixels.map.row_stride;
  return pixels;
}

size_t Stem::own_bytes(const Shapes& shapes, int64_t images) const {
  // One more: the kernel reads numbers in pairs.
  return sizeof(int16_t) *
         static_cast<size_t>(images * plan_pixels(shapes.canvas).map.image_stride + 1);
}

std::unique_ptr<PlannedStep> Stem::plan(StepPlanner& planner) const {
  PixelMap pixels = plan_pixels(planner.canvas());
  pixels.map.origin = reinterpret_cast<int16_t*>(planner.own_memory());
  StemArgs args = packed_;
  args.pixels = read_only(pixels.map);
  if (planner.size().images == 1) args.pixels.image_stride = 0;  // see run_rows
  args.conv_height = static_cast<int>(conv.output(planner.canvas().height, conv.kernel_height));
  args.conv_width = static_cast<int>(conv.output(planner.canvas().width, conv.kernel_width));
  args.height = planner.height();
  args.width = planner.width();
  plan_inside_sums(conv, last_channel_sums_, planner, args);
  return std::make_unique<PlannedStem>(pixels, args, sinks, packed_sinks_, planner);
}

}  // namespace groupnet
