#include "core/run/isa.h"

#include <cstdlib>

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "core/error.h"

namespace groupnet {

namespace {

constexpr const char* kVariable = "GROUPNET_DET_ISA";

// __builtin_cpu_supports asks the processor and, for wide registers, the operating system.
bool runs_avx512() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}

bool counts_and_multiplies_bytes() {
#if defined(__x86_64__)
  return runs_avx512() && __builtin_cpu_supports("avx512vpopcntdq") &&
         __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

// Which of the two kernels with these instructions is faster; both run wherever one does.
bool prefers_plain() {
#if defined(__x86_64__)
  return __builtin_cpu_is("amd");
#else
  return false;
#endif
}

bool runs_avx2() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

bool runs_neon_dot() {
#if defined(__aarch64__) && defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__aarch64__) && defined(__APPLE__)
  return true;  // every Mac has it
#else
  return false;
#endif
}

}  // namespace

std::vector<const KernelTable*> available_kernels() {
  std::vector<const KernelTable*> tables;
  auto add = [&](const KernelTable* table, bool runs) {
    if (table != nullptr && runs) tables.push_back(table);
  };
  if (prefers_plain()) add(avx512_plain_kernels(), counts_and_multiplies_bytes());
  add(avx512_paired_kernels(), counts_and_multiplies_bytes());
  if (!prefers_plain()) add(avx512_plain_kernels(), counts_and_multiplies_bytes());
  add(avx512_shuffle_kernels(), runs_avx512());
  add(avx2_kernels(), runs_avx2());
  add(neon_dot_kernels(), runs_neon_dot());
  add(neon_kernels(), true);  // every 64-bit ARM has it
  add(portable_kernels(), true);
  return tables;
}

const KernelTable& choose_kernels(const std::string& name) {
  auto tables = available_kernels();
  if (name.empty()) return *tables.front();
  std::string names;
  for (const KernelTable* table : tables) {
    if (name == table->name) return *table;
    names += (names.empty() ? "" : ", ") + std::string(table->name);
  }
  throw Error("instruction set '" + name + "' (" + kVariable +
              ") is not possible here; possible: " + names);
}

const KernelTable& choose_kernels_from_environment() {
  const char* name = std::getenv(kVariable);
  return choose_kernels(name == nullptr ? "" : name);
}

}  // namespace groupnet
