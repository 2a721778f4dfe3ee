/* SPDX-License-Identifier: MIT */
/* Traps: stubs for all 256 vectors, a table of C handlers, and code run "as
 * data": trap_run() enters any code at ring 1 or 3 with any registers and gives
 * back the frame of the trap that ended it. */
#pragma once

#include "guest/base.h"

/* What the stubs leave on the stack, lowest address first. esp and ss are
 * there only when the trap came from ring 3; trap_run() fills them always. */
struct trap_frame {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, esp_ignored, ebx, edx, ecx, eax;
    uint32_t vector, errcode; /* 0 where the CPU pushes none */
    uint32_t eip, cs, eflags;
    uint32_t esp, ss;
};

#define FLAG_CF 0x001u
#define FLAG_FIXED 0x002u
#define FLAG_PF 0x004u
#define FLAG_AF 0x010u
#define FLAG_ZF 0x040u
#define FLAG_SF 0x080u
#define FLAG_TF 0x100u
#define FLAG_IF 0x200u
#define FLAG_DF 0x400u
#define FLAG_OF 0x800u
#define FLAG_IOPL 0x3000u
#define FLAG_NT 0x4000u
#define FLAG_RF 0x10000u
#define FLAG_VM 0x20000u
#define FLAG_AC 0x40000u
#define FLAG_VIF 0x80000u
#define FLAG_VIP 0x100000u
#define FLAG_ID 0x200000u

enum {
    VEC_DE, VEC_DB, VEC_NMI, VEC_BP, VEC_OF, VEC_BR, VEC_UD, VEC_NM, VEC_DF,
    VEC_TS = 10, VEC_NP, VEC_SS, VEC_GP, VEC_PF, VEC_MF = 16, VEC_AC, VEC_MC,
    VEC_XM,
};

/* A handler may change the frame; returning resumes the interrupted code. */
typedef void trap_handler(struct trap_frame *f);

/* Handler for a vector; NULL: an unexpected trap ends the guest. Interrupts
 * (0x20 to 0x3f) are counted in irq_count when they have no handler. */
void trap_set_handler(uint32_t vector, trap_handler *h);
extern volatile uint32_t irq_count[GABI_IRQ_LINES];

/* Loads a gate that leads to the library's stub for the vector. */
#define GATE_INTERRUPT 0xeu
#define GATE_TRAP 0xfu
void trap_load_stub(uint32_t vector, uint32_t type, uint32_t dpl);

/* Loads a gate to any handler. */
void trap_load_gate(uint32_t vector, uint32_t handler, uint32_t type, uint32_t dpl);

/* The usual table: interrupt gates for exceptions and lines, DPL 3 for 3, 4
 * and the system call, whose gate is a trap gate. */
void trap_init(void);

/* Address of the stub for a vector. */
uint32_t trap_stub(uint32_t vector);

/* Runs code: enters with the registers of *f (ring by f->cs & 3) and the word
 * irq_enabled, leaves at the next trap that is no interrupt. *f becomes the
 * frame of that trap; the rest is in struct trap_seen. Returns the vector. */
uint32_t trap_run(struct trap_frame *f, uint32_t irq_enabled);

/* If set, an interrupt ends a run too. */
extern bool trap_run_ends_at_irq;

struct trap_seen {
    uint32_t irq_enabled; /* when the stub began */
    uint32_t cr2;
    uint32_t frame_esp; /* where the CPU's part of the frame ends: old ESP slot
                           or, from ring 1, the interrupted ESP */
    uint32_t handler_flags; /* EFLAGS in the stub */
    uint32_t handler_cs;
};
extern struct trap_seen trap_seen;

/* A frame for trap_run(): flat segments of the ring, all registers 0. */
void trap_frame_init(struct trap_frame *f, uint32_t ring, uint32_t eip, uint32_t esp);

/* Calls fn(arg) at ring 1 on the present stack; if it traps, writes the frame
 * and returns the vector, else TRAP_NONE. */
#define TRAP_NONE 0xffffffffu
uint32_t trap_catch(void (*fn)(uint32_t), uint32_t arg, struct trap_frame *f);

const char *trap_name(uint32_t vector);
