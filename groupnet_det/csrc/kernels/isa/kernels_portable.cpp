#include "kernels/kernel_table.h"
#include "kernels/vector/vector_portable.h"

#include "kernels/kernels.h"

namespace groupnet {
const KernelTable* portable_kernels() { return &kTable; }
}  // namespace groupnet
