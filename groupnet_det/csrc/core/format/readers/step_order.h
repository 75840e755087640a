// Which step reads and writes what.
#pragma once

#include <string>

#include "core/format/program.h"

namespace groupnet {

// Throws Error, calling the program `what`, where a step reads what none before it has written, or
// writes what it still reads in another thread.
void check_step_order(const Program& program, const std::string& what);

}  // namespace groupnet
