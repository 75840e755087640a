// Changed files through the C interface, which reads what a file says about images and results too.
#pragma once

#include <array>
#include <atomic>

#include "core/plan/shapes.h"
#include "mutations.h"

namespace groupnet_test {

// Whether some map is too large to be worth its time in a test. Throws Error where none fits.
bool is_large(const groupnet::Program& program, const groupnet::ImageSize& size);

// What was answered, by kind.
struct Answers {
  std::atomic<int> maps{0}, labels{0}, objects{0}, masks{0}, segments{0};

  std::array<int, 5> all() const { return {maps, labels, objects, masks, segments}; }
};

// Ask for all kinds of answers: each is given or refused with a message. Objects and masks of empty
// answers do not count.
void try_interface(const Bytes& bytes, int bases, Answers& answers);

}  // namespace groupnet_test
