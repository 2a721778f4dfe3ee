/* SPDX-License-Identifier: MIT */
/* A QEMU plugin that counts the instructions a Linux kernel executes from its
 * first one to the first one of /init, guest kernel and monitor together. A
 * halted CPU executes none. Both ends are known by what stands there, so that
 * any image at any address will do, native or as a guest. QEMU ends at /init. */
#include "plugin.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int qemu_plugin_version = 1;

/* testb $KEEP_SEGMENTS, loadflags(%esi): first or second in startup_32 of every
 * kernel from 2.6.24 on. The unpacker of a bzImage has it too, but earlier: the
 * last one before /init counts. */
static const uint8_t kernel_start[] = {0xf6, 0x86, 0x11, 0x02, 0, 0, 0x40};

/* movl $0x54535352, %ecx: _start of tests/linux/sys.c. */
static const uint8_t init_start[] = {0xb9, 0x52, 0x53, 0x53, 0x54};

static uint64_t executed, at_start;

static void see_kernel(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    at_start = executed;
}

static void see_init(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    printf("\nCOUNT %llu\n", (unsigned long long)(executed - at_start));
    fflush(stdout);
    _exit(0);
}

static int is(const struct qemu_plugin_insn *insn, const uint8_t *bytes,
              size_t n)
{
    return qemu_plugin_insn_size(insn) == n &&
           memcmp(qemu_plugin_insn_data(insn), bytes, n) == 0;
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

        qemu_plugin_register_vcpu_insn_exec_inline(insn, PLUGIN_INLINE_ADD_U64,
                                                   &executed, 1);
        if (is(insn, kernel_start, sizeof(kernel_start)))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, see_kernel,
                                                   PLUGIN_CB_NO_REGS, NULL);
        if (is(insn, init_start, sizeof(init_start)))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, see_init,
                                                   PLUGIN_CB_NO_REGS, NULL);
    }
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
