// Which instruction sets this processor, system and build offer, and the choice of one.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernel_table.h"

namespace groupnet {

// Best first; the last one, "portable", runs everywhere.
std::vector<const KernelTable*> available_kernels();

// The kernels called `name`, or the best where it is empty. Throws Error, listing what is possible.
const KernelTable& choose_kernels(const std::string& name);

// The same for the name in the environment variable GROUPNET_DET_ISA.
const KernelTable& choose_kernels_from_environment();

}  // namespace groupnet
