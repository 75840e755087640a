// The operations of packed files.
#pragma once

#include "core/format/readers/program_reader.h"

namespace groupnet {

const Operations& operations();

}  // namespace groupnet
