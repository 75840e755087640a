// JSON's numbers with a fraction or an exponent.
#pragma once

#include <string_view>

namespace groupnet {

// Whether float64 reaches a number of JSON's syntax, which becomes `value`; what is too small is 0.
// Independent of the locale.
bool to_real(std::string_view number, double& value);

}  // namespace groupnet
