//! A plugin of QEMU's TCG that counts what the guest executes between two marks.
//!
//! Place: `mod.rs` beside it compiles it and reads what it writes. The guest's marks are in
//! kernel/src/arch/mark.rs. Arguments: `out=FILE`, where lines go.
//!
//! At a first mark the counters begin at zero; at a second one they are written:
//!
//!     counted INSTRUCTIONS
//!     at ADDRESS TIMES        for each address in the image that was executed
//!
//! Rules:
//!
//! - Only code in the kernel's image counts. The firmware runs without being looked at.
//! - The guest has one processor: the counters are not atomic.
//! - The types and functions are those of QEMU's include/qemu/qemu-plugin.h, version 1 of the
//!   interface (QEMU 7 and 8). Debian does not ship that file, so what is used of it is
//!   declared here.

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int qemu_plugin_version = 1;

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum { QEMU_PLUGIN_CB_NO_REGS = 0 };
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
        void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *,
        void (*)(unsigned int, void *), int, void *);

/// Where the kernel's image is mapped (kernel/src/mm/mod.rs), and how much of it is looked at:
/// its code is at its beginning.
#define IMAGE UINT64_C(0xffffffff80000000)
#define SPAN (UINT64_C(8) << 20)

/// A mark: nopl 0x4d4400NN(%rax,%rax,1).
static const unsigned char MARK[8] = { 0x0f, 0x1f, 0x84, 0x00, 0, 0x00, 0x44, 0x4d };
enum { NUMBER = 4, BEGIN = 1, END = 2 };

static FILE *out;
/// How often each address of the image was executed.
static uint64_t *times;

static void at_begin(unsigned int cpu, void *data)
{
    (void)cpu, (void)data;
    memset(times, 0, SPAN * sizeof *times);
}

static void at_end(unsigned int cpu, void *data)
{
    (void)cpu, (void)data;
    uint64_t instructions = 0;
    for (uint64_t place = 0; place < SPAN; place++) {
        instructions += times[place];
    }
    fprintf(out, "counted %" PRIu64 "\n", instructions);
    for (uint64_t place = 0; place < SPAN; place++) {
        if (times[place] != 0) {
            fprintf(out, "at %" PRIx64 " %" PRIu64 "\n", place, times[place]);
        }
    }
    fflush(out);
}

static bool is_mark(const struct qemu_plugin_insn *insn, unsigned char number)
{
    unsigned char mark[sizeof MARK];
    memcpy(mark, MARK, sizeof mark);
    mark[NUMBER] = number;
    return qemu_plugin_insn_size(insn) == sizeof mark
        && memcmp(qemu_plugin_insn_data(insn), mark, sizeof mark) == 0;
}

/// A block was translated: says what is to happen as its instructions are executed.
static void at_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    size_t length = qemu_plugin_tb_n_insns(block);
    for (size_t n = 0; n < length; n++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, n);
        uint64_t place = qemu_plugin_insn_vaddr(insn) - IMAGE;
        if (place >= SPAN) {
            continue;
        }
        qemu_plugin_register_vcpu_insn_exec_inline(
            insn, QEMU_PLUGIN_INLINE_ADD_U64, &times[place], 1);
        if (is_mark(insn, BEGIN)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_begin, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
        if (is_mark(insn, END)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_end, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
    }
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int n = 0; n < argc; n++) {
        if (strncmp(argv[n], "out=", 4) == 0) {
            out = fopen(argv[n] + 4, "w");
        }
    }
    times = calloc(SPAN, sizeof *times);
    if (out == NULL || times == NULL) {
        fputs("the plugin that counts instructions has no file, or no memory\n", stderr);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, at_translation);
    return 0;
}
