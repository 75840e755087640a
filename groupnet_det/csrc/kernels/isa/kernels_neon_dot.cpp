// Compiled with the flags of its instruction set; without them, it offers nothing.
#include "kernels/kernel_table.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#define GROUPNET_NEON_DOT
#include "kernels/vector/vector_neon.h"

#include "kernels/kernels.h"

namespace groupnet {
const KernelTable* neon_dot_kernels() { return &kTable; }
}  // namespace groupnet
#else
namespace groupnet {
const KernelTable* neon_dot_kernels() { return nullptr; }
}  // namespace groupnet
#endif
