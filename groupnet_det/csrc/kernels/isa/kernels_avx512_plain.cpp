// Compiled with the flags of its instruction set; without them, it offers nothing.
#include "kernels/kernel_table.h"

#if defined(__AVX512VPOPCNTDQ__) && defined(__AVX512VNNI__)
#include "kernels/vector/vector_avx512_vnni.h"

namespace groupnet {
namespace {

// Two words take six operations, none of which overwrites what it reads: for processors that need
// an operation to copy a register (AMD Zen 5 does for 512 bits).
struct Vector : Avx512Vnni {
  static constexpr const char* kName = "avx512_plain";
  static constexpr int kPixels = 7;
  static constexpr bool kPaired = false;
  static constexpr int kFlushAfter = 0;  // a lane counts in 32 bits

  // Population counts of all words that passed, for each lane.
  struct Counter {
    I sum = zero_i();

    void add(I w0, I w1, I a0, I a1) {
      sum = _mm512_add_epi32(sum, _mm512_popcnt_epi32(_mm512_xor_si512(w0, a0)));
      sum = _mm512_add_epi32(sum, _mm512_popcnt_epi32(_mm512_xor_si512(w1, a1)));
    }
    void flush() {}
    I total() const { return sum; }
  };

  // In assembler, so that the compiler neither shares nor moves anything.
  struct Limit {
    I sum = zero_i();

    void add(I w0, I w1, I a0, I a1) {
      I t;
      asm("vpxord %[w0], %[a0], %[t]\n\tvpopcntd %[t], %[t]\n\tvpaddd %[t], %[sum], %[sum]\n\t"
          "vpxord %[w1], %[a1], %[t]\n\tvpopcntd %[t], %[t]\n\tvpaddd %[t], %[sum], %[sum]"
          : [sum] "+v"(sum), [t] "=&v"(t)
          : [w0] "v"(w0), [w1] "v"(w1), [a0] "v"(a0), [a1] "v"(a1));
    }
    void flush() {}
    I total() const { return sum; }
  };
  static constexpr bool kHideOperands = false;
  static constexpr int kLimitWords = 2;
  static constexpr int kLimitRepeats = 8;
};

}  // namespace
}  // namespace groupnet

#include "kernels/kernels.h"

namespace groupnet {
const KernelTable* avx512_plain_kernels() { return &kTable; }
}  // namespace groupnet
#else
namespace groupnet {
const KernelTable* avx512_plain_kernels() { return nullptr; }
}  // namespace groupnet
#endif
