#include "core/plan/memory_plan.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

#include "core/memory/memory_limit.h"

namespace groupnet {

namespace {

constexpr size_t kLine = 64;
constexpr size_t kSlack = size_t{4} << 20;  // that a slab may be too large at any rate

bool touches(const std::set<int>& some, const std::vector<int>& others) {
  return std::any_of(others.begin(), others.end(), [&](int b) { return some.count(b) > 0; });
}

bool is_same_row(const RowWindow& window) {
  return window.stride == 1 && window.padding == 0 && window.span == 1;
}

}  // namespace

Schedule::Schedule(const Program& program, const std::vector<StripChain>& chains)
    : lives(program.buffers.size()) {
  int64_t section = -1;
  auto chain = chains.begin();
  bool chain_ended = false;
  std::set<int> read, written;  // in the section
  for (size_t i = 0; i < program.steps.size(); ++i) {
    const std::vector<int> reads = program.steps[i]->reads(), writes = program.steps[i]->writes();
    const bool in_chain = chain != chains.end() && i >= chain->first;
    const bool apart = in_chain ? i == chain->first
                                : chain_ended || touches(written, reads) ||
                                      touches(written, writes) || touches(read, writes);
    chain_ended = in_chain && i + 1 == chain->end;
    if (chain_ended) ++chain;
    if (section < 0 || apart) {
      ++section;
      read.clear();
      written.clear();
    }
    read.insert(reads.begin(), reads.end());
    written.insert(writes.begin(), writes.end());
    sections.push_back(section);
    for (int buffer : reads) lives[buffer].include(section);
    for (int buffer : writes) lives[buffer].include(section);
  }
  for (const auto& [name, buffer] : program.outputs) lives[buffer].include(section + 1);
}

std::vector<bool> find_ring_maps(const Program& program, const Shapes& shapes,
                                 const Schedule& schedule, const std::vector<StripChain>& chains) {
  std::vector<bool> found(program.buffers.size());
  for (const StripChain& chain : chains) {
    const int64_t section = schedule.sections[chain.first];
    for (size_t buffer = 0; buffer < found.size(); ++buffer) {
      const Lifetime& life = schedule.lives[buffer];
      if (life.first == section && life.last == section) {
        found[buffer] = program.buffers[buffer].kind == BufferKind::kFloat &&
                        shapes.buffers[buffer].border == 0;
      }
    }
    for (size_t step = chain.first; step < chain.end; ++step) {
      const auto windows = program.steps[step]->row_windows();
      for (const RowWindow& window : *windows) {
        if (!is_same_row(window)) found[static_cast<size_t>(window.buffer)] = false;
      }
    }
  }
  return found;
}

// The largest first, each at the lowest place that is free during its life.
size_t place(std::vector<Piece>& pieces) {
  std::vector<size_t> order(pieces.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return pieces[a].bytes > pieces[b].bytes; });
  size_t whole = 0;
  std::vector<const Piece*> placed;  // by offset
  for (size_t index : order) {
    Piece& piece = pieces[index];
    piece.bytes = (piece.bytes + kLine - 1) / kLine * kLine;
    size_t offset = 0;
    for (const Piece* other : placed) {
      if (!other->life.overlaps(piece.life)) continue;
      if (other->offset >= offset + piece.bytes) break;
      offset = std::max(offset, other->offset + other->bytes);
    }
    piece.offset = offset;
    whole = std::max(whole, offset + piece.bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), &piece,
                         [](const Piece* a, const Piece* b) { return a->offset < b->offset; }),
        &piece);
  }
  return whole;
}

void Slab::fit(size_t bytes) {
  check_memory(bytes);
  if (bytes <= capacity_ && capacity_ <= 2 * bytes + kSlack) return;
  // One that was too small may soon be so again; what nobody touches costs nothing.
  if (capacity_ > 0 && capacity_ < bytes) bytes = std::min(bytes + bytes / 4, kMaxMemory);
  memory_.reset();
  capacity_ = 0;
  bytes = std::max((bytes + kLine - 1) / kLine * kLine, kLine);
  memory_.reset(static_cast<uint8_t*>(std::aligned_alloc(kLine, bytes)));
  require(memory_ != nullptr, "there is no memory for an image of this size");
  capacity_ = bytes;
}

}  // namespace groupnet
