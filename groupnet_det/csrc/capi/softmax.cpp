#include "capi/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace groupnet {

namespace {

constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;
constexpr double kLowest = -1000;  // its exponential is 0 in float64

// e^x for finite x <= 0, with a relative error of 2e-10: 2^n times the Taylor polynomial of degree
// 8. Libraries' exp differ in the last bit from one machine to another.
double exponential(double x) {
  x = std::max(x, kLowest);
  const double n = std::nearbyint(x * kLog2E);
  const double r = x - n * kLn2;
  double sum = 1;
  for (int i = 8; i > 0; --i) sum = sum * r / i + 1;
  return std::ldexp(sum, static_cast<int>(n));
}

}  // namespace

void softmax(const float* logits, int64_t count, float* probabilities) {
  float greatest = -std::numeric_limits<float>::infinity();
  bool any_nan = false;
  for (int64_t i = 0; i < count; ++i) {
    any_nan = any_nan || std::isnan(logits[i]);
    greatest = std::max(greatest, logits[i]);
  }
  if (any_nan || !std::isfinite(greatest)) {
    std::fill(probabilities, probabilities + count, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  auto share = [&](int64_t i) { return exponential(double{logits[i]} - double{greatest}); };
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += share(i);
  for (int64_t i = 0; i < count; ++i) probabilities[i] = static_cast<float>(share(i) / sum);
}

bool ranks_behind(float a, float b) { return b > a || (std::isnan(a) && !std::isnan(b)); }

void rank(const float* logits, int64_t count, int64_t top, int32_t* classes) {
  std::vector<int32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + top, order.end(), [&](int32_t a, int32_t b) {
    if (ranks_behind(logits[b], logits[a])) return true;
    return !ranks_behind(logits[a], logits[b]) && a < b;
  });
  std::copy(order.begin(), order.begin() + top, classes);
}

int32_t best_class(const float* logits, int64_t count) {
  int32_t best = 0;
  for (int64_t i = 1; i < count; ++i) {
    if (ranks_behind(logits[best], logits[i])) best = static_cast<int32_t>(i);
  }
  return best;
}

}  // namespace groupnet
