#include "core/format/json/real.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

#ifndef __cpp_lib_to_chars
#include <locale>
#include <sstream>
#endif

namespace groupnet {

#ifdef __cpp_lib_to_chars

namespace {

// Whether a number that float64 does not reach is below 1, rather than too large: by the place of
// its first digit that is not 0.
bool is_tiny(std::string_view number) {
  const size_t end = std::min(number.find_first_of("eE"), number.size());
  const std::string_view digits = number.substr(0, end);
  const size_t first = std::min(digits.find_first_of("123456789"), end);
  const size_t point = std::min(digits.find('.'), end);
  const int64_t before = static_cast<int64_t>(point) - static_cast<int64_t>(first);
  std::string_view power = number.substr(std::min(end + 1, number.size()));
  if (!power.empty() && power[0] == '+') power.remove_prefix(1);
  int64_t exponent = 0;
  const auto error = std::from_chars(power.data(), power.data() + power.size(), exponent).ec;
  if (error == std::errc::result_out_of_range) return power[0] == '-';
  return exponent < -before;
}

}  // namespace

bool to_real(std::string_view number, double& value) {
  value = 0;
  const auto error = std::from_chars(number.data(), number.data() + number.size(), value).ec;
  return error == std::errc() || is_tiny(number);
}

#else  // streams make a static program larger by half a megabyte

bool to_real(std::string_view number, double& value) {
  std::istringstream stream{std::string(number)};
  stream.imbue(std::locale::classic());
  stream >> value;
  return !stream.fail() && stream.eof();
}

#endif

}  // namespace groupnet
