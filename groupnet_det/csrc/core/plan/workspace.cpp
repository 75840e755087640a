#include "core/plan/workspace.h"

#include <algorithm>
#include <cstring>

#include "core/weights/layout.h"

namespace groupnet {

namespace {

constexpr Lifetime kAlways{0, INT64_MAX};
// Smaller outputs, and those of bits or bytes, are copied.
constexpr size_t kLargeOutput = 256 << 10;

// Bytes of a pixel.
int64_t pixel_bytes(const BufferSpec& spec) {
  const int64_t padded = int64_t{blocks_of(spec.channels)} * kBlock;
  switch (spec.kind) {
    case BufferKind::kBits: return 4 * int64_t{words_of(spec.channels)};
    case BufferKind::kBytes: return padded;
    case BufferKind::kFloat: break;
  }
  return 4 * padded;
}

// Bits of which some words are never written, and must stay 0.
bool has_gaps(const BufferSpec& spec) {
  return spec.kind == BufferKind::kBits && blocks_of(spec.channels) % kQuadBlocks != 0;
}

size_t map_bytes(int64_t images, const BufferShape& shape, int64_t pixel) {
  return static_cast<size_t>(images * (shape.height + 2 * shape.border) *
                             (shape.width + 2 * shape.border) * pixel);
}

// Where the number of an image leads to. Of a single image, it says by how many rows strips shift
// what they write to a ring, and by none anything else.
enum class Rows { kOfImages, kFixed, kInRing };

template <class T>
MapView<T> make_map(uint8_t* memory, const BufferShape& shape, int64_t pixel_bytes, Rows rows) {
  MapView<T> map;
  map.pixel_stride = pixel_bytes / static_cast<int64_t>(sizeof(T));
  map.row_stride = (shape.width + 2 * shape.border) * map.pixel_stride;
  switch (rows) {
    case Rows::kOfImages:
      map.image_stride = (shape.height + 2 * shape.border) * map.row_stride;
      break;
    case Rows::kFixed: map.image_stride = 0; break;
    case Rows::kInRing: map.image_stride = -map.row_stride; break;
  }
  map.origin = reinterpret_cast<T*>(memory) + shape.border * (map.row_stride + map.pixel_stride);
  return map;
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

}  // namespace

Workspace::Workspace(const Program& program, const KernelTable& kernels, const ImageSize& size,
                     Slab memory, const StripRule& rule)
    : slab_(std::move(memory)), size_(size) {
  const Shapes shapes = infer_shapes(program, size);
  const std::vector<StripChain> chains = choose_strips(program, shapes, size, rule);
  const Schedule schedule(program, chains);
  in_ring_ = find_ring_maps(program, shapes, schedule, chains);
  steps_.resize(program.steps.size());
  const std::vector<uint8_t*> own = allocate(program, schedule, shapes);
  plan_borders(program, shapes, kernels.paired);
  StepPlanner planner(program, shapes, size, kernels, buffers_, arena_);
  for (size_t i = 0; i < steps_.size(); ++i) {
    steps_[i].starts_section = i == 0 || schedule.sections[i] != schedule.sections[i - 1];
    steps_[i].planned = planner.plan(i, own[i]);
  }
  scratch_size_ = planner.scratch_size();
  plan_strips(program, shapes, chains);
}

void Workspace::plan_strips(const Program& program, const Shapes& shapes,
                            const std::vector<StripChain>& chains) {
  for (const StripChain& chain : chains) {
    std::vector<RowWork> work;
    for (size_t i = chain.first; i < chain.end; ++i) {
      steps_[i].strips = static_cast<int>(strips_.size());
      work.push_back(steps_[i].planned->row_work());
    }
    RowOrder order(program, chain.first, chain.end, shapes.steps[chain.first].height);
    strips_.emplace_back(chain, std::move(order), std::move(work));
  }
}

std::vector<uint8_t*> Workspace::allocate(const Program& program, const Schedule& schedule,
                                          const Shapes& shapes) {
  std::vector<Piece> pieces(program.buffers.size() + steps_.size());
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const BufferSpec& spec = program.buffers[i];
    if (!shapes.buffers[i].is_written) continue;
    const size_t bytes = map_bytes(size_.images, shapes.buffers[i], pixel_bytes(spec));
    const bool is_output = std::any_of(program.outputs.begin(), program.outputs.end(),
                                       [&](const auto& o) { return o.second == int(i); });
    if (is_output && spec.kind == BufferKind::kFloat && bytes >= kLargeOutput) {
      outputs_.emplace_back(static_cast<int>(i), bytes);
      continue;
    }
    pieces[i].bytes = bytes;
    pieces[i].life = has_gaps(spec) ? kAlways : schedule.lives[i];
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    Piece& piece = pieces[program.buffers.size() + i];
    piece.bytes = program.steps[i]->own_bytes(shapes, size_.images);
    if (piece.bytes > 0) piece.life.include(schedule.sections[i]);
  }
  const size_t shared = place(pieces);
  size_t total = shared;
  for (const OutputMemory& output : outputs_) total += output.bytes();
  check_memory(total);
  slab_.fit(shared);

  buffers_.resize(program.buffers.size());
  for (size_t i = 0; i < buffers_.size(); ++i) {
    if (pieces[i].bytes == 0) continue;
    const BufferSpec& spec = program.buffers[i];
    uint8_t* start = slab_.data() + pieces[i].offset;
    if (has_gaps(spec)) std::memset(start, 0, pieces[i].bytes);
    place_buffer(static_cast<int>(i), spec, shapes.buffers[i], start);
  }
  for (const OutputMemory& output : outputs_) {
    const int i = output.buffer();
    place_buffer(i, program.buffers[i], shapes.buffers[i], output.current()->data());
  }
  std::vector<uint8_t*> own;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Piece& piece = pieces[program.buffers.size() + i];
    own.push_back(piece.bytes > 0 ? slab_.data() + piece.offset : nullptr);
  }
  return own;
}

void Workspace::place_buffer(int buffer, const BufferSpec& spec, const BufferShape& shape,
                             uint8_t* start) {
  BufferMemory& memory = buffers_[buffer];
  memory.height = shape.height;
  memory.width = shape.width;
  const Rows rows = size_.images > 1   ? Rows::kOfImages
                    : in_ring_[buffer] ? Rows::kInRing
                                       : Rows::kFixed;
  const int64_t pixel = pixel_bytes(spec);
  switch (spec.kind) {
    case BufferKind::kBits: memory.words = make_map<uint32_t>(start, shape, pixel, rows); break;
    case BufferKind::kBytes: memory.bytes = make_map<uint8_t>(start, shape, pixel, rows); break;
    case BufferKind::kFloat: memory.floats = make_map<float>(start, shape, pixel, rows); break;
  }
}

// Memory is shared, so each run fills borders, when their buffer is first written.
void Workspace::plan_borders(const Program& program, const Shapes& shapes, bool paired) {
  std::vector<bool> filled(program.buffers.size());
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (int buffer : program.steps[i]->writes()) {
      if (filled[buffer] || shapes.buffers[buffer].border == 0) continue;
      filled[buffer] = true;
      steps_[i].borders.push_back(
          plan_border(program.buffers[buffer], shapes.buffers[buffer], buffers_[buffer], paired));
    }
  }
}

Border Workspace::plan_border(const BufferSpec& spec, const BufferShape& shape,
                              const BufferMemory& memory, bool paired) {
  Border border;
  border.height = shape.height;
  border.width = shape.width;
  border.size = shape.border;
  border.pixel_bytes = pixel_bytes(spec);
  const auto first = [&](const auto& map) {
    return reinterpret_cast<uint8_t*>(map.at(0, -shape.border, -shape.border));
  };
  auto* pixel = arena_.make<uint8_t>(static_cast<size_t>(border.pixel_bytes));
  switch (spec.kind) {
    case BufferKind::kBits:
      border.memory = first(memory.words);
      if (spec.pad != 0) put_ones(reinterpret_cast<uint32_t*>(pixel), spec.channels, paired);
      break;
    case BufferKind::kBytes:
      border.memory = first(memory.bytes);
      std::memset(pixel, static_cast<int>(spec.pad), static_cast<size_t>(border.pixel_bytes));
      break;
    case BufferKind::kFloat:
      border.memory = first(memory.floats);
      std::fill_n(reinterpret_cast<float*>(pixel), border.pixel_bytes / 4, spec.pad);
      break;
  }
  border.pixel = pixel;
  border.uniform =
      std::all_of(pixel, pixel + border.pixel_bytes, [&](uint8_t byte) { return byte == *pixel; });
  return border;
}

size_t Workspace::num_bytes() const {
  size_t total = arena_.num_bytes() + slab_.capacity();
  for (const Slab& scratch : scratch_) total += scratch.capacity();
  for (const OutputMemory& output : outputs_) total += output.bytes();
  return total;
}

// As StepExecutor::run does.
int64_t Workspace::num_barriers() const {
  int64_t barriers = 0;
  for (size_t i = 0; i < steps_.size();) {
    if (steps_[i].strips >= 0) {
      barriers += 2;
      i = strips_[static_cast<size_t>(steps_[i].strips)].chain().end;
      continue;
    }
    barriers += steps_[i].planned->barriers_within();
    ++i;
    if (i == steps_.size() || steps_[i].starts_section) ++barriers;
  }
  return barriers;
}

void Workspace::claim_outputs() {
  for (OutputMemory& output : outputs_) {
    const auto before = output.claim();
    if (before == output.current()) continue;
    const Move move{before->data(), output.bytes(), output.current()->data()};
    move.apply(buffers_[output.buffer()].floats.origin);
    for (WorkspaceStep& step : steps_) {
      step.planned->move_maps(move);
      for (Border& border : step.borders) move.apply(border.memory);
    }
  }
}

std::shared_ptr<const void> Workspace::holder_of(int buffer) const {
  for (const OutputMemory& output : outputs_) {
    if (output.buffer() == buffer) return output.current();
  }
  return nullptr;
}

Scratch Workspace::scratch(int thread) const {
  return {reinterpret_cast<float*>(scratch_[static_cast<size_t>(thread)].data()), scratch_size_};
}

void Workspace::reserve(int threads) {
  const auto bytes = static_cast<size_t>(scratch_size_) * sizeof(float);
  check_memory(bytes, static_cast<size_t>(threads));
  while (static_cast<int>(scratch_.size()) < threads) {
    Slab scratch;
    scratch.fit(bytes);
    scratch_.push_back(std::move(scratch));
  }
  for (Strips& strips : strips_) strips.plan(threads);
}

}  // namespace groupnet
