#include "core/detect/score_threshold.h"

#include <algorithm>

namespace groupnet {

namespace {

// Compilers make vectors of the loop that counts, and most blocks need nothing but that.
constexpr int64_t kBlock = 32;
constexpr int64_t kBlocksAPiece = 1024;

int count_above(const float* values, int64_t count, float bound) {
  int above = 0;
  for (int64_t i = 0; i < count; ++i) above += values[i] > bound ? 1 : 0;
  return above;
}

// Calls `use(first, size)` with the blocks of a piece.
template <class Use>
void each_block(int64_t piece, int64_t count, const Use& use) {
  const int64_t begin = piece * kBlocksAPiece * kBlock;
  const int64_t end = std::min(count, begin + kBlocksAPiece * kBlock);
  for (int64_t first = begin; first < end; first += kBlock) {
    use(first, std::min(kBlock, end - first));
  }
}

}  // namespace

Found above_threshold(const float* values, int64_t count, float bound, ThreadPool& pool,
                      int threads) {
  const int64_t pieces = (count + kBlocksAPiece * kBlock - 1) / (kBlocksAPiece * kBlock);
  // Of each block, and where the finds of a piece begin.
  std::vector<uint8_t> in_block(static_cast<size_t>(pieces * kBlocksAPiece));
  std::vector<int64_t> start(static_cast<size_t>(pieces + 1));
  const auto each_piece = [&](const auto& use) {
    pool.run(std::max(1, threads), [&](int thread, int active) {
      for (int64_t piece = thread; piece < pieces; piece += active) use(piece);
    });
  };
  each_piece([&](int64_t piece) {
    int64_t total = 0;
    each_block(piece, count, [&](int64_t first, int64_t size) {
      const int above = count_above(values + first, size, bound);
      in_block[static_cast<size_t>(first / kBlock)] = static_cast<uint8_t>(above);
      total += above;
    });
    start[static_cast<size_t>(piece + 1)] = total;
  });
  for (size_t i = 1; i < start.size(); ++i) start[i] += start[i - 1];
  Found found;
  found.index.resize(static_cast<size_t>(start.back()));
  found.values.resize(found.index.size());
  each_piece([&](int64_t piece) {
    int64_t* index = found.index.data() + start[static_cast<size_t>(piece)];
    float* to = found.values.data() + start[static_cast<size_t>(piece)];
    each_block(piece, count, [&](int64_t first, int64_t size) {
      if (in_block[static_cast<size_t>(first / kBlock)] == 0) return;
      for (int64_t i = first; i < first + size; ++i) {
        if (!(values[i] > bound)) continue;
        *index++ = i;
        *to++ = values[i];
      }
    });
  });
  return found;
}

}  // namespace groupnet
