// 16 lanes in one register: AVX-512 with BW, DQ and VL.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace groupnet {
namespace {

struct Avx512 {
  using I = __m512i;
  using F = __m512;
  static constexpr int kBlocks = 2, kDensePixels = 8;
  // 28 sums, two weights and an input: all registers but one.
  static constexpr int kFloatPixels = 14;

  static I zero_i() { return _mm512_setzero_si512(); }
  static I set_i(int32_t x) { return _mm512_set1_epi32(x); }
  static I load_i(const void* p) { return _mm512_loadu_si512(p); }
  static void store_i(void* p, I x) { _mm512_storeu_si512(p, x); }
  static void hide(I& x) { asm volatile("" : "+v"(x)); }
  static I add_i(I a, I b) { return _mm512_add_epi32(a, b); }
  static I sub_i(I a, I b) { return _mm512_sub_epi32(a, b); }
  static I max_i(I a, I b) { return _mm512_max_epi32(a, b); }

  static F zero_f() { return _mm512_setzero_ps(); }
  static F set_f(float x) { return _mm512_set1_ps(x); }
  static F load_f(const float* p) { return _mm512_loadu_ps(p); }
  static void store_f(float* p, F x) { _mm512_storeu_ps(p, x); }
  static F to_float(I x) { return _mm512_cvtepi32_ps(x); }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }  // a > b ? a : b
  static F min(F a, F b) { return _mm512_min_ps(a, b); }  // a < b ? a : b
  static I bits_of(F x) { return _mm512_castps_si512(x); }
  static void store_low_bytes(uint8_t* p, I x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(x));
  }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F relu(F x) { return _mm512_max_ps(x, zero_f()); }  // the second operand for NaN
  static F if_positive(F x, F yes, F no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, zero_f(), _CMP_GT_OQ), no, yes);
  }
  static F if_at_least(F x, F threshold, F yes, F no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, threshold, _CMP_GE_OQ), no, yes);
  }
  static uint32_t at_least(F x, F threshold) {
    return _mm512_cmp_ps_mask(x, threshold, _CMP_GE_OQ);
  }
};

}  // namespace
}  // namespace groupnet
