// Compiled with the flags of its instruction set; without them, it offers nothing.
#include "kernels/kernel_table.h"

#if defined(__AVX512VPOPCNTDQ__) && defined(__AVX512VNNI__)
#include "kernels/vector_avx512.h"

#include "kernels/kernels.h"

namespace groupnet {
const KernelTable* avx512_kernels() { return &kTable; }
}  // namespace groupnet
#else
namespace groupnet {
const KernelTable* avx512_kernels() { return nullptr; }
}  // namespace groupnet
#endif
