#include "cli/run_lengths.h"

namespace groupnet_tool {

namespace {

constexpr int kDigitBits = 5;
constexpr int64_t kMore = 1 << kDigitBits;  // another digit of the number follows
constexpr int kFirstCharacter = 48;

// Runs of columns; they take turns and start with 0.
std::vector<int64_t> runs_of(const std::vector<uint8_t>& mask, int64_t height, int64_t width) {
  std::vector<int64_t> runs{0};
  uint8_t value = 0;
  for (int64_t x = 0; x < width; ++x) {
    for (int64_t y = 0; y < height; ++y) {
      const uint8_t next = mask[static_cast<size_t>(y * width + x)];
      if (next != value) runs.push_back(0);
      value = next;
      ++runs.back();
    }
  }
  return runs;
}

// A number in two's complement, the lowest digit first; the last one carries the sign.
void add_digits(int64_t number, std::string& text) {
  for (;;) {
    const int64_t digit = number & (kMore - 1);
    number = (number - digit) / kMore;
    const bool is_negative = (digit & (kMore >> 1)) != 0;
    const bool is_last = number == (is_negative ? -1 : 0);
    text += static_cast<char>(kFirstCharacter + (is_last ? digit : digit | kMore));
    if (is_last) return;
  }
}

}  // namespace

std::string run_lengths(const std::vector<uint8_t>& mask, int64_t height, int64_t width) {
  const std::vector<int64_t> runs = runs_of(mask, height, width);
  std::string text;
  // The first three runs themselves, then each one less that of two before.
  for (size_t i = 0; i < runs.size(); ++i)
    add_digits(i > 2 ? runs[i] - runs[i - 2] : runs[i], text);
  return text;
}

}  // namespace groupnet_tool
