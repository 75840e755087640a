// From logits to what people want to know, with the same bits on every machine
// (groupnet_det/runtime/results/softmax.py is the same in Python).
#pragma once

#include <cstdint>

namespace groupnet {

// Softmax in float64, by + - * / alone, rounded to float32 at the end. All NaN where one logit is
// NaN, or the greatest is infinite.
void softmax(const float* logits, int64_t count, float* probabilities);

// Whether the class with logit `a` and a lower number stands after that with `b`: NaN last.
bool ranks_behind(float a, float b);

// Numbers of the `top` greatest, in falling order; `top` is at most `count`.
void rank(const float* logits, int64_t count, int64_t top, int32_t* classes);

// Number of the first of the greatest.
int32_t best_class(const float* logits, int64_t count);

}  // namespace groupnet
