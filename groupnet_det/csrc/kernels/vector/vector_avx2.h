// 16 lanes in two registers: AVX2 with FMA.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace groupnet {
namespace {

struct Vector {
  struct I {
    __m256i lo, hi;
  };
  struct F {
    __m256 lo, hi;
  };
  static constexpr const char* kName = "avx2";
  static constexpr bool kPaired = true;
  static constexpr int kBlocks = 1, kPixels = 2, kDensePixels = 4;
  static constexpr int kFloatPixels = 6, kBytePixels = 3;

  static I zero_i() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static I set_i(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static I load_i(const void* p) {
    auto* q = static_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(q), _mm256_loadu_si256(q + 1)};
  }
  static void store_i(void* p, I x) {
    auto* q = static_cast<__m256i*>(p);
    _mm256_storeu_si256(q, x.lo);
    _mm256_storeu_si256(q + 1, x.hi);
  }
  static I add_i(I a, I b) { return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)}; }
  static void hide(I& x) { asm volatile("" : "+x"(x.lo), "+x"(x.hi)); }
  static I sub_i(I a, I b) { return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)}; }
  static I max_i(I a, I b) { return {_mm256_max_epi32(a.lo, b.lo), _mm256_max_epi32(a.hi, b.hi)}; }

  static F zero_f() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F set_f(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F load_f(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static void store_f(float* p, F x) {
    _mm256_storeu_ps(p, x.lo);
    _mm256_storeu_ps(p + 8, x.hi);
  }
  static F to_float(I x) { return {_mm256_cvtepi32_ps(x.lo), _mm256_cvtepi32_ps(x.hi)}; }
  static F add(F a, F b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
  static F sub(F a, F b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
  static F mul(F a, F b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
  // a > b ? a : b
  static F max(F a, F b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
  // a < b ? a : b
  static F min(F a, F b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
  static I bits_of(F x) { return {_mm256_castps_si256(x.lo), _mm256_castps_si256(x.hi)}; }
  static void store_low_bytes(uint8_t* p, I x) {
    const __m256i first =
        _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12,
                         -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i fours = _mm256_setr_epi32(0, 4, 7, 7, 7, 7, 7, 7);
    auto low = [&](__m256i half) {
      return _mm256_castsi256_si128(
          _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(half, first), fours));
    };
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_unpacklo_epi64(low(x.lo), low(x.hi)));
  }
  static F fma(F a, F b, F c) {
    return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
  }
  static F relu(F x) {  // the second operand for NaN
    return {_mm256_max_ps(x.lo, _mm256_setzero_ps()), _mm256_max_ps(x.hi, _mm256_setzero_ps())};
  }
  static F if_positive(F x, F yes, F no) {
    __m256 zero = _mm256_setzero_ps();
    return {_mm256_blendv_ps(no.lo, yes.lo, _mm256_cmp_ps(x.lo, zero, _CMP_GT_OQ)),
            _mm256_blendv_ps(no.hi, yes.hi, _mm256_cmp_ps(x.hi, zero, _CMP_GT_OQ))};
  }
  static F if_at_least(F x, F threshold, F yes, F no) {
    return {_mm256_blendv_ps(no.lo, yes.lo, _mm256_cmp_ps(x.lo, threshold.lo, _CMP_GE_OQ)),
            _mm256_blendv_ps(no.hi, yes.hi, _mm256_cmp_ps(x.hi, threshold.hi, _CMP_GE_OQ))};
  }
  static uint32_t at_least(F x, F threshold) {
    int lo = _mm256_movemask_ps(_mm256_cmp_ps(x.lo, threshold.lo, _CMP_GE_OQ));
    int hi = _mm256_movemask_ps(_mm256_cmp_ps(x.hi, threshold.hi, _CMP_GE_OQ));
    return static_cast<uint32_t>(lo | (hi << 8));
  }

  // a + the two products of each lane's pairs of 16-bit numbers.
  static I dot2(I sum, I a, I b) {
    return add_i(sum, {_mm256_madd_epi16(a.lo, b.lo), _mm256_madd_epi16(a.hi, b.hi)});
  }

  // Sums of products of four unsigned bytes and four signed ones, in each lane. As 16-bit numbers,
  // for the instruction for bytes saturates: the first and third of them, then the others.
  struct Bytes {
    static constexpr int kBias = 0;
    struct Weights {
      I even, odd;
    };
    struct Inputs {
      __m256i even, odd;
    };
    struct Sum {
      I value;

      void clear() { value = zero_i(); }
      static __m256i add(__m256i sum, __m256i weights, __m256i inputs) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(weights, inputs));
      }
      void add(const Weights& w, const Inputs& x) {
        value.lo = add(add(value.lo, w.even.lo, x.even), w.odd.lo, x.odd);
        value.hi = add(add(value.hi, w.even.hi, x.even), w.odd.hi, x.odd);
      }
      I total() const { return value; }
    };

    static __m256i even(__m256i x) { return _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8); }
    static __m256i odd(__m256i x) { return _mm256_srai_epi16(x, 8); }
    static Weights load(const int8_t* weights) {
      I w = load_i(weights);
      return {{even(w.lo), even(w.hi)}, {odd(w.lo), odd(w.hi)}};
    }
    static Inputs spread(const uint8_t* inputs) {
      int32_t four;
      __builtin_memcpy(&four, inputs, sizeof four);
      __m256i x = _mm256_set1_epi32(four);
      return {_mm256_and_si256(x, _mm256_set1_epi16(255)), _mm256_srli_epi16(x, 8)};
    }
  };

  // Population counts of all words that passed, for each lane. Bytes count, and go to 32 bits
  // before they can overflow.
  struct HalfCounter {
    __m256i ones = _mm256_setzero_si256(), bytes = _mm256_setzero_si256(),
            twos = _mm256_setzero_si256();

    static __m256i popcount_bytes(__m256i x) {
      const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                             0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
      const __m256i mask = _mm256_set1_epi8(15);
      __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, mask));
      __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi32(x, 4), mask));
      return _mm256_add_epi8(low, high);
    }
    static __m256i sum_bytes(__m256i bytes) {
      __m256i words = _mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1));
      return _mm256_madd_epi16(words, _mm256_set1_epi16(1));
    }
    // A pair of words, as in the adder of AVX-512: carry = parity of the two differences ? ones :
    // first difference.
    void add(__m256i wx, __m256i w0, __m256i ax, __m256i a0) {
      __m256i differ = _mm256_xor_si256(wx, ax);
      __m256i first = _mm256_xor_si256(w0, a0);
      __m256i change = _mm256_and_si256(differ, _mm256_xor_si256(first, ones));
      ones = _mm256_xor_si256(ones, differ);
      bytes = _mm256_add_epi8(bytes, popcount_bytes(_mm256_xor_si256(first, change)));
    }
    void flush() {
      twos = _mm256_add_epi32(twos, sum_bytes(bytes));
      bytes = _mm256_setzero_si256();
    }
    __m256i total() {
      flush();
      return _mm256_add_epi32(_mm256_add_epi32(twos, twos), sum_bytes(popcount_bytes(ones)));
    }
  };
  struct Counter {
    HalfCounter lo, hi;

    void add(I wx, I w0, I ax, I a0) {
      lo.add(wx.lo, w0.lo, ax.lo, a0.lo);
      hi.add(wx.hi, w0.hi, ax.hi, a0.hi);
    }
    void flush() {
      lo.flush();
      hi.flush();
    }
    I total() { return {lo.total(), hi.total()}; }
  };
  using Limit = Counter;
  static constexpr int kLimitWords = 2;
  static constexpr int kLimitRepeats = 8;
  static constexpr bool kHideOperands = true;
  static constexpr int kFlushAfter = 31;  // of 8 bits each, in a byte
};

}  // namespace
}  // namespace groupnet
