/* A plugin of QEMU that counts the instructions that a program executes, by mnemonic and the kind
 * of its first operand: `number mnemonic kind` in each line of the file that its argument names.
 * Declares itself what it uses of version 1 of the interface, as few systems have the header. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
enum { kAdd = 0, kMost = 4096, kName = 24 };

struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*call)(uint64_t, struct qemu_plugin_tb*));
void qemu_plugin_register_atexit_cb(uint64_t id, void (*call)(uint64_t, void*), void* given);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t i);
char* qemu_plugin_insn_disas(const struct qemu_plugin_insn* instruction);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn* instruction, int what,
                                                void* number, uint64_t summand);

EXPORT int qemu_plugin_version = 1;

static struct {
  char name[kName];
  uint64_t count;
} kinds[kMost];
static int num_kinds;
static const char* output;

/* The last one takes all for which there is no room. */
static uint64_t* counter(const char* name) {
  int i = 0;
  while (i < num_kinds && strcmp(kinds[i].name, name) != 0) ++i;
  if (i == num_kinds && num_kinds < kMost - 1) strcpy(kinds[num_kinds++].name, name);
  return &kinds[i].count;
}

static void translate(uint64_t id, struct qemu_plugin_tb* block) {
  const size_t number = qemu_plugin_tb_n_insns(block);
  for (size_t i = 0; i < number; ++i) {
    struct qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    char* text = qemu_plugin_insn_disas(instruction);
    char name[kName - 2] = "", operand[4] = "", key[kName];
    const int words = sscanf(text, "%16s %3[^0-9 ,.]", name, operand);
    const char* start = operand[0] == '{' ? operand + 1 : operand;
    while (*start == ' ') ++start;
    snprintf(key, sizeof key, "%s %c", name, words > 1 && *start ? *start : '-');
    free(text);
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, kAdd, counter(key), 1);
  }
}

static void finish(uint64_t id, void* given) {
  FILE* file = fopen(output, "w");
  if (file == NULL) return;
  for (int i = 0; i < num_kinds; ++i) {
    fprintf(file, "%llu %s\n", (unsigned long long)kinds[i].count, kinds[i].name);
  }
  fclose(file);
}

EXPORT int qemu_plugin_install(uint64_t id, const void* info, int count, char** words) {
  if (count != 1) return -1;
  output = strdup(strchr(words[0], '=') ? strchr(words[0], '=') + 1 : words[0]);
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_atexit_cb(id, finish, NULL);
  return 0;
}
