// Compiled with the flags of its instruction set; without them, it offers nothing.
#include "kernels/kernel_table.h"

#if defined(__AVX2__) && defined(__FMA__)
#include "kernels/vector/vector_avx2.h"

#include "kernels/kernels.h"

namespace groupnet {
const KernelTable* avx2_kernels() { return &kTable; }
}  // namespace groupnet
#else
namespace groupnet {
const KernelTable* avx2_kernels() { return nullptr; }
}  // namespace groupnet
#endif
