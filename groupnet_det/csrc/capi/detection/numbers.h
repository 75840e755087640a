// Functions of float32 with the bits of NumPy's on processors with AVX2 or AVX-512, which
// PackedPredictor computes scores and boxes by.
#pragma once

#include <cstdint>

namespace groupnet {

float exponential(float x);

// 1 / (1 + e^-x).
float sigmoid(float x);

// Softmax of `count` numbers, above 0, in place.
void softmax_in_place(float* values, int64_t count);

}  // namespace groupnet
