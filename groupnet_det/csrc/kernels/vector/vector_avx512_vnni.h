// Products of bytes by AVX-512's VNNI.
#pragma once

#include "kernels/vector/vector_avx512.h"

namespace groupnet {
namespace {

struct Avx512Vnni : Avx512 {
  static constexpr int kBytePixels = 14;  // as for floats

  // a + the two products of each lane's pairs of 16-bit numbers.
  static I dot2(I sum, I a, I b) { return _mm512_dpwssd_epi32(sum, a, b); }

  // Sums of products of four unsigned bytes and four signed ones, in each lane.
  struct Bytes {
    static constexpr int kBias = 0;
    struct Sum {
      I value;

      void clear() { value = zero_i(); }
      void add(I weights, I inputs) { value = _mm512_dpbusd_epi32(value, inputs, weights); }
      I total() const { return value; }
    };

    static I load(const int8_t* weights) { return load_i(weights); }
    static I spread(const uint8_t* inputs) {
      int32_t four;
      __builtin_memcpy(&four, inputs, sizeof four);
      return set_i(four);
    }
  };
};

}  // namespace
}  // namespace groupnet
