// Packed files, changed at random.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace groupnet_test {

using Bytes = std::vector<uint8_t>;

// A changed file whose checksum is right, so that more than the checksum is tested: mostly other
// numbers and names in the program and in what the file says about images and results, also in the
// rest of the header, other weights, bits, cut ends.
Bytes mutate(Bytes bytes, std::mt19937& random);

// Whether the checksum of a file is right.
bool is_sealed(const Bytes& bytes);

}  // namespace groupnet_test
