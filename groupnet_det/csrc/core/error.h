// The one exception of the engine: its text is shown to users as it is.
#pragma once

#include <stdexcept>
#include <string>

namespace groupnet {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void require(bool condition, const std::string& message) {
  if (!condition) throw Error(message);
}

}  // namespace groupnet
