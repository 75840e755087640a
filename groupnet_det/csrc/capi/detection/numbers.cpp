#include "capi/detection/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace groupnet {

namespace {

// The arguments from which e^x is infinite, and up to which it is 0.
constexpr float kInfinite = 88.72283935546875f, kZero = -103.97208404541015625f;
constexpr float kLog2E = 1.442695040888963407f;
// -ln 2 in two parts.
constexpr float kMinusLn2 = -6.93145752e-1f, kMinusLn2Rest = -1.42860677e-6f;
// e^y is P(y) / Q(y) to float32's precision for |y| <= ln(2) / 2; the highest power first.
constexpr float kP[] = {5.082762527590693718096e-04f, 6.757896990527504603057e-03f,
                        5.114512081637298353406e-02f, 2.473615434895520810817e-01f,
                        7.257664613233124478488e-01f, 9.999999999980870924916e-01f};
constexpr float kQ[] = {2.159509375685829852307e-02f, -2.742335390411667452936e-01f, 1.0f};

template <size_t N>
float polynomial(const float (&coefficients)[N], float y) {
  float sum = coefficients[0];
  for (size_t i = 1; i < N; ++i) sum = std::fma(sum, y, coefficients[i]);
  return sum;
}

constexpr int64_t kLanes = 8, kBlock = 128;

// Adds lanes within blocks, and the sums of blocks in pairs.
float sum(const float* values, int64_t count) {
  if (count > kBlock) {
    const int64_t half = count / 2 / kLanes * kLanes;
    return sum(values, half) + sum(values + half, count - half);
  }
  float total = 0;
  int64_t i = 0;
  if (count >= kLanes) {
    float lanes[kLanes];
    std::copy_n(values, kLanes, lanes);
    for (i = kLanes; i < count - count % kLanes; ++i) lanes[i % kLanes] += values[i];
    total = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
            ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  }
  for (; i < count; ++i) total += values[i];
  return total;
}

}  // namespace

float exponential(float x) {
  if (std::isnan(x)) return x;
  if (x >= kInfinite) return std::numeric_limits<float>::infinity();
  if (x <= kZero) return 0;
  const float power = std::nearbyint(x * kLog2E);
  const float y = std::fma(power, kMinusLn2Rest, std::fma(power, kMinusLn2, x));
  return std::ldexp(polynomial(kP, y) / polynomial(kQ, y), static_cast<int>(power));
}

float sigmoid(float x) { return 1 / (1 + exponential(-x)); }

void softmax_in_place(float* values, int64_t count) {
  float greatest = values[0];
  for (int64_t i = 1; i < count; ++i) {
    if (values[i] > greatest || std::isnan(values[i])) greatest = values[i];
  }
  for (int64_t i = 0; i < count; ++i) values[i] = exponential(values[i] - greatest);
  const float total = sum(values, count);
  for (int64_t i = 0; i < count; ++i) values[i] /= total;
}

}  // namespace groupnet
