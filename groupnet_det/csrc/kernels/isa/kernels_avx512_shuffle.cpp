// Compiled with the flags of its instruction set; without them, it offers nothing.
#include "kernels/kernel_table.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include "kernels/vector/vector_avx512.h"

namespace groupnet {
namespace {

// For processors without VPOPCNTDQ or VNNI, such as Skylake-X and Cascade Lake: a table of 16
// counts, looked up by a byte shuffle, as with AVX2 but in registers of twice the width.
struct Vector : Avx512 {
  static constexpr const char* kName = "avx512_shuffle";
  // 18 counters, four weights, two inputs, the table, its mask, and what is computed with them.
  static constexpr int kPixels = 3;
  // 24 sums, two weights and an input, each in two parts.
  static constexpr int kBytePixels = 12;
  static constexpr bool kPaired = true;

  // a + the two products of each lane's pairs of 16-bit numbers.
  static I dot2(I sum, I a, I b) { return add_i(sum, _mm512_madd_epi16(a, b)); }

  // Sums of products of four unsigned bytes and four signed ones, in each lane. As 16-bit numbers,
  // for the instruction for bytes saturates: the first and third of them, then the others.
  struct Bytes {
    static constexpr int kBias = 0;
    struct Pairs {
      I even, odd;
    };
    struct Sum {
      I value;

      void clear() { value = zero_i(); }
      void add(const Pairs& w, const Pairs& x) {
        value = dot2(dot2(value, w.even, x.even), w.odd, x.odd);
      }
      I total() const { return value; }
    };

    static Pairs load(const int8_t* weights) {
      const I w = load_i(weights);
      return {_mm512_srai_epi16(_mm512_slli_epi16(w, 8), 8), _mm512_srai_epi16(w, 8)};
    }
    static Pairs spread(const uint8_t* inputs) {
      int32_t four;
      __builtin_memcpy(&four, inputs, sizeof four);
      const I x = set_i(four);
      return {_mm512_and_si512(x, _mm512_set1_epi16(255)), _mm512_srli_epi16(x, 8)};
    }
  };

  // Population counts of all words that passed, for each lane. Bytes count, and go to 32 bits
  // before they can overflow.
  struct Counter {
    I ones = zero_i(), bytes = zero_i(), twos = zero_i();

    static I popcount_bytes(I x) {
      const I table =
          _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
      const I mask = _mm512_set1_epi8(15);
      const I low = _mm512_shuffle_epi8(table, _mm512_and_si512(x, mask));
      const I high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi32(x, 4), mask));
      return _mm512_add_epi8(low, high);
    }
    static I sum_bytes(I bytes) {
      const I words = _mm512_maddubs_epi16(bytes, _mm512_set1_epi8(1));
      return _mm512_madd_epi16(words, _mm512_set1_epi16(1));
    }
    // A pair of words, by the full adder of kernels_avx512_paired.cpp.
    void add(I wx, I w0, I ax, I a0) {
      const I parity = _mm512_ternarylogic_epi32(ones, wx, ax, 0x96);
      const I difference = _mm512_xor_si512(w0, a0);
      const I carry = _mm512_ternarylogic_epi32(difference, ones, parity, 0xD4);
      ones = parity;
      bytes = _mm512_add_epi8(bytes, popcount_bytes(carry));
    }
    void flush() {
      twos = _mm512_add_epi32(twos, sum_bytes(bytes));
      bytes = zero_i();
    }
    I total() {
      flush();
      return _mm512_add_epi32(_mm512_add_epi32(twos, twos), sum_bytes(popcount_bytes(ones)));
    }
  };
  using Limit = Counter;
  static constexpr int kLimitWords = 2;
  static constexpr int kLimitRepeats = 8;
  static constexpr bool kHideOperands = true;
  static constexpr int kFlushAfter = 31;  // of 8 bits each, in a byte
};

}  // namespace
}  // namespace groupnet

#include "kernels/kernels.h"

namespace groupnet {
const KernelTable* avx512_shuffle_kernels() { return &kTable; }
}  // namespace groupnet
#else
namespace groupnet {
const KernelTable* avx512_shuffle_kernels() { return nullptr; }
}  // namespace groupnet
#endif
