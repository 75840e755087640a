// 16 lanes in four registers: NEON of 64-bit ARM, with GROUPNET_NEON_DOT also its dot products.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#define GROUPNET_EACH for (int i = 0; i < 4; ++i)

namespace groupnet {
namespace {

struct Vector {
  struct I {
    int32x4_t q[4];
  };
  struct F {
    float32x4_t q[4];
  };
#if defined(GROUPNET_NEON_DOT)
  static constexpr const char* kName = "neon_dot";
#else
  static constexpr const char* kName = "neon";
#endif
  static constexpr bool kPaired = true;
  static constexpr int kBlocks = 1, kPixels = 2, kDensePixels = 4;
  static constexpr int kFloatPixels = 6;

  static I set_i(int32_t x) {
    I r;
    GROUPNET_EACH r.q[i] = vdupq_n_s32(x);
    return r;
  }
  static I zero_i() { return set_i(0); }
  static I load_i(const void* p) {
    I r;
    GROUPNET_EACH r.q[i] = vld1q_s32(static_cast<const int32_t*>(p) + 4 * i);
    return r;
  }
  static void store_i(void* p, I x) {
    GROUPNET_EACH vst1q_s32(static_cast<int32_t*>(p) + 4 * i, x.q[i]);
  }
  static void hide(I& x) { GROUPNET_EACH asm volatile("" : "+w"(x.q[i])); }
  static I add_i(I a, I b) {
    GROUPNET_EACH a.q[i] = vaddq_s32(a.q[i], b.q[i]);
    return a;
  }
  static I sub_i(I a, I b) {
    GROUPNET_EACH a.q[i] = vsubq_s32(a.q[i], b.q[i]);
    return a;
  }
  static I max_i(I a, I b) {
    GROUPNET_EACH a.q[i] = vmaxq_s32(a.q[i], b.q[i]);
    return a;
  }

  static F set_f(float x) {
    F r;
    GROUPNET_EACH r.q[i] = vdupq_n_f32(x);
    return r;
  }
  static F zero_f() { return set_f(0); }
  static F load_f(const float* p) {
    F r;
    GROUPNET_EACH r.q[i] = vld1q_f32(p + 4 * i);
    return r;
  }
  static void store_f(float* p, F x) { GROUPNET_EACH vst1q_f32(p + 4 * i, x.q[i]); }
  static F to_float(I x) {
    F r;
    GROUPNET_EACH r.q[i] = vcvtq_f32_s32(x.q[i]);
    return r;
  }
  static F add(F a, F b) {
    GROUPNET_EACH a.q[i] = vaddq_f32(a.q[i], b.q[i]);
    return a;
  }
  static F sub(F a, F b) {
    GROUPNET_EACH a.q[i] = vsubq_f32(a.q[i], b.q[i]);
    return a;
  }
  static F mul(F a, F b) {
    GROUPNET_EACH a.q[i] = vmulq_f32(a.q[i], b.q[i]);
    return a;
  }
  // a > b ? a : b
  static F max(F a, F b) {
    GROUPNET_EACH a.q[i] = vbslq_f32(vcgtq_f32(a.q[i], b.q[i]), a.q[i], b.q[i]);
    return a;
  }
  // a < b ? a : b
  static F min(F a, F b) {
    GROUPNET_EACH a.q[i] = vbslq_f32(vcltq_f32(a.q[i], b.q[i]), a.q[i], b.q[i]);
    return a;
  }
  static I bits_of(F x) {
    I r;
    GROUPNET_EACH r.q[i] = vreinterpretq_s32_f32(x.q[i]);
    return r;
  }
  static void store_low_bytes(uint8_t* p, I x) {
    int16x8_t low = vcombine_s16(vmovn_s32(x.q[0]), vmovn_s32(x.q[1]));
    int16x8_t high = vcombine_s16(vmovn_s32(x.q[2]), vmovn_s32(x.q[3]));
    vst1q_u8(p, vreinterpretq_u8_s8(vcombine_s8(vmovn_s16(low), vmovn_s16(high))));
  }
  static F fma(F a, F b, F c) {
    GROUPNET_EACH c.q[i] = vfmaq_f32(c.q[i], a.q[i], b.q[i]);
    return c;
  }
  static F if_positive(F x, F yes, F no) {
    GROUPNET_EACH x.q[i] = vbslq_f32(vcgtq_f32(x.q[i], vdupq_n_f32(0)), yes.q[i], no.q[i]);
    return x;
  }
  static F relu(F x) { return if_positive(x, x, zero_f()); }
  static F if_at_least(F x, F threshold, F yes, F no) {
    GROUPNET_EACH x.q[i] = vbslq_f32(vcgeq_f32(x.q[i], threshold.q[i]), yes.q[i], no.q[i]);
    return x;
  }
  static uint32_t at_least(F x, F threshold) {
    const uint32x4_t weights = {1, 2, 4, 8};
    uint32_t mask = 0;
    GROUPNET_EACH {
      mask |= vaddvq_u32(vandq_u32(vcgeq_f32(x.q[i], threshold.q[i]), weights)) << (4 * i);
    }
    return mask;
  }

  // a + the two products of each lane's pairs of 16-bit numbers.
  static I dot2(I sum, I a, I b) {
    GROUPNET_EACH {
      int16x8_t x = vreinterpretq_s16_s32(a.q[i]), y = vreinterpretq_s16_s32(b.q[i]);
      int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
      sum.q[i] = vaddq_s32(sum.q[i], vpaddq_s32(low, vmull_high_s16(x, y)));
    }
    return sum;
  }

  // Sums of products of four unsigned bytes and four signed ones, in each lane. What multiplies
  // takes signed bytes only, so 128 is taken from the unsigned ones.
  struct Bytes {
    static constexpr int kBias = 128;
    using Weights = I;
    using Inputs = int8x16_t;
#if defined(GROUPNET_NEON_DOT)
    struct Sum {
      I value;

      void clear() { value = zero_i(); }
      void add(const I& w, int8x16_t x) {
        GROUPNET_EACH value.q[i] = vdotq_s32(value.q[i], vreinterpretq_s8_s32(w.q[i]), x);
      }
      I total() const { return value; }
    };
#else
    struct Sum {
      I low, high;  // two lanes each, and two sums of a lane

      void clear() { low = high = zero_i(); }
      void add(const I& w, int8x16_t x) {
        GROUPNET_EACH {
          int8x16_t bytes = vreinterpretq_s8_s32(w.q[i]);
          int16x8_t first = vmull_s8(vget_low_s8(bytes), vget_low_s8(x));
          low.q[i] = vpadalq_s16(low.q[i], first);
          high.q[i] = vpadalq_s16(high.q[i], vmull_high_s8(bytes, x));
        }
      }
      I total() const {
        I r;
        GROUPNET_EACH r.q[i] = vpaddq_s32(low.q[i], high.q[i]);
        return r;
      }
    };
#endif

    static I load(const int8_t* weights) { return load_i(weights); }
    static int8x16_t spread(const uint8_t* inputs) {
      int32_t four;
      __builtin_memcpy(&four, inputs, sizeof four);
      uint8x16_t x = vreinterpretq_u8_s32(vdupq_n_s32(four));
      return vreinterpretq_s8_u8(veorq_u8(x, vdupq_n_u8(128)));
    }
  };
  static constexpr int kBytePixels = sizeof(Bytes::Sum) == sizeof(I) ? 6 : 3;

  // Population counts of all words that passed, for each lane; see the adder of AVX-512. Bytes
  // count, and go to 32 bits before they can overflow.
  struct Counter {
    uint8x16_t ones[4] = {}, bytes[4] = {};
    uint32x4_t twos[4] = {};

    void add(I wx, I w0, I ax, I a0) {
      GROUPNET_EACH {
        uint8x16_t differ = vreinterpretq_u8_s32(veorq_s32(wx.q[i], ax.q[i]));
        uint8x16_t first = vreinterpretq_u8_s32(veorq_s32(w0.q[i], a0.q[i]));
        uint8x16_t carry = vbslq_u8(differ, ones[i], first);
        ones[i] = veorq_u8(ones[i], differ);
        bytes[i] = vaddq_u8(bytes[i], vcntq_u8(carry));
      }
    }
    void flush() {
      GROUPNET_EACH {
        twos[i] = vpadalq_u16(twos[i], vpaddlq_u8(bytes[i]));
        bytes[i] = vdupq_n_u8(0);
      }
    }
    I total() {
      flush();
      I r;
      GROUPNET_EACH {
        uint32x4_t single = vpaddlq_u16(vpaddlq_u8(vcntq_u8(ones[i])));
        r.q[i] = vreinterpretq_s32_u32(vaddq_u32(vaddq_u32(twos[i], twos[i]), single));
      }
      return r;
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

#undef GROUPNET_EACH
