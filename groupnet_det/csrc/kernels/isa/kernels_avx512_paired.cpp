// Compiled with the flags of its instruction set; without them, it offers nothing.
#include "kernels/kernel_table.h"

#if defined(__AVX512VPOPCNTDQ__) && defined(__AVX512VNNI__)
#include "kernels/vector/vector_avx512_vnni.h"

namespace groupnet {
namespace {

// Two words take five operations and one popcount: for processors that copy registers at no cost.
struct Vector : Avx512Vnni {
  static constexpr const char* kName = "avx512_paired";
  static constexpr int kPixels = 4;
  static constexpr bool kPaired = true;
  static constexpr int kFlushAfter = 0;  // a lane counts in 32 bits

  // Population counts of all words that passed, for each lane.
  struct Counter {
    I ones = zero_i(), twos = zero_i();

    // A pair of words of weight and activation: the exclusive or of both, and the first. The full
    // adder of (ones, first difference, second difference) leaves one popcount.
    void add(I wx, I w0, I ax, I a0) {
      I parity = _mm512_ternarylogic_epi32(ones, wx, ax, 0x96);
      I difference = _mm512_xor_si512(w0, a0);
      I carry = _mm512_ternarylogic_epi32(difference, ones, parity, 0xD4);
      ones = parity;
      twos = _mm512_add_epi32(twos, _mm512_popcnt_epi32(carry));
    }
    void flush() {}
    I total() const {
      return _mm512_add_epi32(_mm512_add_epi32(twos, twos), _mm512_popcnt_epi32(ones));
    }
  };

  // The adder with two registers that change roles: no copy at all, as no real loop can have it.
  struct Limit {
    I ones = zero_i(), spare = zero_i(), twos = zero_i();

    void add(I wx, I w0, I, I a0) {
      step(ones, spare, wx, w0, a0);
      step(spare, ones, wx, w0, a0);
    }
    void step(I old, I& parity, I wx, I w0, I a0) {
      I carry;
      asm("vpternlogd $0x96, %[wx], %[old], %[parity]\n\t"
          "vpxord %[a0], %[w0], %[carry]\n\t"
          "vpternlogd $0xD4, %[parity], %[old], %[carry]\n\t"
          "vpopcntd %[carry], %[carry]\n\t"
          "vpaddd %[carry], %[twos], %[twos]"
          : [parity] "+v"(parity), [twos] "+v"(twos), [carry] "=&v"(carry)
          : [old] "v"(old), [wx] "v"(wx), [w0] "v"(w0), [a0] "v"(a0));
    }
    void flush() {}
    I total() const { return _mm512_add_epi32(twos, _mm512_add_epi32(ones, spare)); }
  };
  static constexpr bool kHideOperands = false;
  static constexpr int kLimitWords = 4;
  static constexpr int kLimitRepeats = 8;
};

}  // namespace
}  // namespace groupnet

#include "kernels/kernels.h"

namespace groupnet {
const KernelTable* avx512_paired_kernels() { return &kTable; }
}  // namespace groupnet
#else
namespace groupnet {
const KernelTable* avx512_paired_kernels() { return nullptr; }
}  // namespace groupnet
#endif
