// 16 lanes as an array: plain C++ for any processor.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#define GROUPNET_EACH for (int i = 0; i < 16; ++i)

namespace groupnet {
namespace {

struct Vector {
  struct I {
    int32_t v[16];
  };
  struct F {
    float v[16];
  };
  static constexpr const char* kName = "portable";
  static constexpr bool kPaired = true;
  static constexpr int kBlocks = 1, kPixels = 1, kDensePixels = 1;
  static constexpr int kFloatPixels = 1, kBytePixels = 1;

  static I set_i(int32_t x) {
    I r;
    GROUPNET_EACH r.v[i] = x;
    return r;
  }
  static I zero_i() { return set_i(0); }
  static I load_i(const void* p) {
    I r;
    std::memcpy(r.v, p, sizeof r.v);
    return r;
  }
  static void store_i(void* p, const I& x) { std::memcpy(p, x.v, sizeof x.v); }
  static void hide(I& x) { asm volatile("" : "+m"(x)); }
  static I add_i(I a, const I& b) {
    GROUPNET_EACH a.v[i] += b.v[i];
    return a;
  }
  static I sub_i(I a, const I& b) {
    GROUPNET_EACH a.v[i] -= b.v[i];
    return a;
  }
  static I max_i(I a, const I& b) {
    GROUPNET_EACH a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return a;
  }

  static F set_f(float x) {
    F r;
    GROUPNET_EACH r.v[i] = x;
    return r;
  }
  static F zero_f() { return set_f(0); }
  static F load_f(const float* p) {
    F r;
    std::memcpy(r.v, p, sizeof r.v);
    return r;
  }
  static void store_f(float* p, const F& x) { std::memcpy(p, x.v, sizeof x.v); }
  static F to_float(const I& x) {
    F r;
    GROUPNET_EACH r.v[i] = static_cast<float>(x.v[i]);
    return r;
  }
  static F add(F a, const F& b) {
    GROUPNET_EACH a.v[i] += b.v[i];
    return a;
  }
  static F sub(F a, const F& b) {
    GROUPNET_EACH a.v[i] -= b.v[i];
    return a;
  }
  static F mul(F a, const F& b) {
    GROUPNET_EACH a.v[i] *= b.v[i];
    return a;
  }
  // a > b ? a : b
  static F max(F a, const F& b) {
    GROUPNET_EACH a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return a;
  }
  // a < b ? a : b
  static F min(F a, const F& b) {
    GROUPNET_EACH a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i];
    return a;
  }
  static I bits_of(const F& x) { return load_i(x.v); }
  static void store_low_bytes(uint8_t* p, const I& x) {
    GROUPNET_EACH p[i] = static_cast<uint8_t>(x.v[i]);
  }
  static F fma(const F& a, const F& b, F c) {
    GROUPNET_EACH c.v[i] = std::fmaf(a.v[i], b.v[i], c.v[i]);
    return c;
  }
  static F if_positive(const F& x, const F& yes, const F& no) {
    F r;
    GROUPNET_EACH r.v[i] = x.v[i] > 0 ? yes.v[i] : no.v[i];
    return r;
  }
  static F relu(const F& x) { return if_positive(x, x, zero_f()); }
  static F if_at_least(const F& x, const F& threshold, const F& yes, const F& no) {
    F r;
    GROUPNET_EACH r.v[i] = x.v[i] >= threshold.v[i] ? yes.v[i] : no.v[i];
    return r;
  }
  static uint32_t at_least(const F& x, const F& threshold) {
    uint32_t mask = 0;
    GROUPNET_EACH mask |= static_cast<uint32_t>(x.v[i] >= threshold.v[i]) << i;
    return mask;
  }

  // a + the two products of each lane's pairs of 16-bit numbers.
  static I dot2(I sum, const I& a, const I& b) {
    GROUPNET_EACH {
      sum.v[i] += static_cast<int16_t>(a.v[i]) * static_cast<int16_t>(b.v[i]) +
                  (a.v[i] >> 16) * (b.v[i] >> 16);
    }
    return sum;
  }

  // Sums of products of four unsigned bytes and four signed ones, in each lane.
  struct Bytes {
    static constexpr int kBias = 0;
    struct Weights {
      int8_t v[16][4];
    };
    struct Inputs {
      uint8_t v[4];
    };
    struct Sum {
      I value;

      void clear() { value = zero_i(); }
      void add(const Weights& w, const Inputs& x) {
        GROUPNET_EACH {
          for (int k = 0; k < 4; ++k) value.v[i] += w.v[i][k] * x.v[k];
        }
      }
      I total() const { return value; }
    };

    static Weights load(const int8_t* weights) {
      Weights w;
      std::memcpy(w.v, weights, sizeof w.v);
      return w;
    }
    static Inputs spread(const uint8_t* inputs) {
      Inputs x;
      std::memcpy(x.v, inputs, sizeof x.v);
      return x;
    }
  };

  // Population counts of all words that passed, for each lane; see the adder of AVX-512.
  struct Counter {
    uint32_t ones[16] = {}, twos[16] = {};

    static uint32_t popcount(uint32_t x) {
      x -= (x >> 1) & 0x55555555u;
      x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
      x = (x + (x >> 4)) & 0x0F0F0F0Fu;
      return (x * 0x01010101u) >> 24;
    }
    void add(const I& wx, const I& w0, const I& ax, const I& a0) {
      GROUPNET_EACH {
        auto differ = static_cast<uint32_t>(wx.v[i] ^ ax.v[i]);
        auto first = static_cast<uint32_t>(w0.v[i] ^ a0.v[i]);
        uint32_t carry = (differ & ones[i]) | (~differ & first);
        ones[i] ^= differ;
        twos[i] += popcount(carry);
      }
    }
    void flush() {}
    I total() const {
      I r;
      GROUPNET_EACH r.v[i] = static_cast<int32_t>(2 * twos[i] + popcount(ones[i]));
      return r;
    }
  };
  using Limit = Counter;
  static constexpr int kLimitWords = 2;
  static constexpr int kLimitRepeats = 1;  // unrolled 8 times, it would be 40 KB
  static constexpr bool kHideOperands = true;
  static constexpr int kFlushAfter = 0;  // a lane counts in 32 bits
};

}  // namespace
}  // namespace groupnet

#undef GROUPNET_EACH
