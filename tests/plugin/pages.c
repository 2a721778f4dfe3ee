/* SPDX-License-Identifier: MIT */
/* A QEMU plugin that counts what each exit of a guest touches: pages of code and of
 * data, the tables that a walk to these reads, and translated blocks, each counted once
 * per exit, from the switcher's stub to its IRET. What an exit has touched misses the
 * TLB, as each of the two loads of CR3 clears it.
 *
 * Arguments: out=FILE, stubs=ADDRESS and entry=ADDRESS (where the switcher's stubs begin
 * and end), small=ADDRESS (below, and above the switcher's 4 MiB, the monitor maps by
 * 4 KiB), blocks=FILE.
 *
 * out: a line per measured operation of the bench guest (ops.asm there: START and STOP):
 * address of its START, exits, and the sums over these exits of blocks, pages of code, of
 * data, tables. blocks: a line per block that exits of measured operations have
 * run, in the order in which they first came, and how many of these exits; then one per
 * word of the monitor's image that they have read or written, and how often. */
#include "plugin.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int qemu_plugin_version = 1;

#define PAGES (1u << 20)
#define PAGE_SHIFT 12
#define TABLE_SHIFT 21     /* what a page table of PAE covers */
#define DIRECTORY_SHIFT 30 /* and a page directory */
#define OWN_4M 0xffc00000u /* the monitor's windows, its stacks and the switcher */
#define STUB_BYTES 9u
#define IRET 0xcf

/* rdtsc, which ends a block, and how the next one begins: mov edi, eax; sub eax, edi. */
static const uint8_t rdtsc[] = {0x0f, 0x31}, start_next[] = {0x89, 0xc7},
                     stop_next[] = {0x29, 0xf8};

struct block {
    uint32_t address, bytes;
    bool may_start, may_stop; /* a measured operation, behind RDTSC */
    uint32_t in_exit; /* the last exit that ran it */
    uint64_t times;
    struct block *next;
};

static uint32_t stubs, entry, small;
static FILE *out, *blocks_out;

/* The exit that each page, table and directory was last touched in. */
static uint32_t code_seen[PAGES], data_seen[PAGES];
static uint32_t table_seen[1u << (32 - TABLE_SHIFT)], directory_seen[4];
static uint32_t exit_number;
static bool in_exit, behind_rdtsc;

static struct block *first_block, **last_block = &first_block;
static uint64_t *word_times; /* below small */

static struct {
    uint32_t start; /* 0: none is open */
    uint32_t exits, blocks, code, data, tables;
} window;

static uint32_t once(uint32_t *seen)
{
    uint32_t is_new = *seen != exit_number;

    *seen = exit_number;
    return is_new;
}

static void touch(uint32_t address, uint32_t *seen, uint32_t *count)
{
    if (!once(&seen[address >> PAGE_SHIFT]))
        return;
    *count += 1;
    window.tables += once(&directory_seen[address >> DIRECTORY_SHIFT]);
    if (address < small || address >= OWN_4M)
        window.tables += once(&table_seen[address >> TABLE_SHIFT]);
}

static void start_or_stop(const struct block *b)
{
    if (b->may_start) {
        memset(&window, 0, sizeof(window));
        window.start = b->address - (uint32_t)sizeof(rdtsc);
    } else if (b->may_stop && window.start) {
        fprintf(out, "%x %u %u %u %u %u\n", window.start, window.exits, window.blocks,
                window.code, window.data, window.tables);
        window.start = 0;
    }
}

static void run_block(unsigned int cpu, void *data)
{
    struct block *b = data;
    uint32_t offset = b->address - stubs;

    (void)cpu;
    if (behind_rdtsc) {
        behind_rdtsc = false;
        start_or_stop(b);
    }
    if (!in_exit && b->address < entry && offset % STUB_BYTES == 0 && offset < entry - stubs) {
        in_exit = true;
        exit_number++;
        window.exits++;
    }
    if (!in_exit)
        return;
    if (window.start && once(&b->in_exit)) {
        window.blocks++;
        if (!b->times++) {
            *last_block = b;
            last_block = &b->next;
        }
    }
    touch(b->address, code_seen, &window.code);
    touch(b->address + b->bytes - 1, code_seen, &window.code);
}

static void touch_data(unsigned int cpu, uint32_t info, uint64_t vaddr, void *data)
{
    (void)cpu;
    (void)info;
    (void)data;
    if (!in_exit)
        return;
    if (window.start && vaddr < small)
        word_times[vaddr / 4]++;
    touch((uint32_t)vaddr, data_seen, &window.data);
}

static void leave(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    in_exit = false;
}

static void saw_rdtsc(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    behind_rdtsc = true;
}

static bool is(const struct qemu_plugin_insn *insn, const uint8_t *bytes)
{
    return qemu_plugin_insn_size(insn) == 2 &&
           memcmp(qemu_plugin_insn_data(insn), bytes, 2) == 0;
}

static void look_at(struct qemu_plugin_insn *insn)
{
    uint32_t offset = (uint32_t)qemu_plugin_insn_vaddr(insn) - stubs;

    qemu_plugin_register_vcpu_mem_cb(insn, touch_data, PLUGIN_CB_NO_REGS, PLUGIN_MEM_RW, NULL);
    if (offset < 1u << PAGE_SHIFT && *(const uint8_t *)qemu_plugin_insn_data(insn) == IRET)
        qemu_plugin_register_vcpu_insn_exec_cb(insn, leave, PLUGIN_CB_NO_REGS, NULL);
    if (is(insn, rdtsc))
        qemu_plugin_register_vcpu_insn_exec_cb(insn, saw_rdtsc, PLUGIN_CB_NO_REGS, NULL);
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    struct block *b = calloc(1, sizeof(*b));

    (void)id;
    b->address = (uint32_t)qemu_plugin_tb_vaddr(tb);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

        b->bytes += (uint32_t)qemu_plugin_insn_size(insn);
        look_at(insn);
    }
    b->may_start = is(qemu_plugin_tb_get_insn(tb, 0), start_next);
    b->may_stop = is(qemu_plugin_tb_get_insn(tb, 0), stop_next);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, run_block, PLUGIN_CB_NO_REGS, b);
}

static void finish(uint64_t id, void *data)
{
    (void)id;
    (void)data;
    for (struct block *b = first_block; b; b = b->next)
        fprintf(blocks_out, "%x %llu\n", b->address, (unsigned long long)b->times);
    for (uint32_t i = 0; i < small / 4; i++) {
        if (word_times[i])
            fprintf(blocks_out, "%x %llu\n", i * 4, (unsigned long long)word_times[i]);
    }
    fclose(blocks_out);
    fclose(out);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=');

        if (!value++)
            return 1;
        if (strncmp(argv[i], "out=", 4) == 0)
            out = fopen(value, "w");
        else if (strncmp(argv[i], "blocks=", 7) == 0)
            blocks_out = fopen(value, "w");
        else if (strncmp(argv[i], "stubs=", 6) == 0)
            stubs = (uint32_t)strtoul(value, NULL, 16);
        else if (strncmp(argv[i], "entry=", 6) == 0)
            entry = (uint32_t)strtoul(value, NULL, 16);
        else if (strncmp(argv[i], "small=", 6) == 0)
            small = (uint32_t)strtoul(value, NULL, 16);
    }
    word_times = calloc(small / 4 + 1, sizeof(*word_times));
    if (!out || !blocks_out || !stubs || !entry || !word_times)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
