/* SPDX-License-Identifier: MIT */
/* #GP: the few instructions that are emulated at ring 1 (ABI 5.5);
 * everything else is reflected.  The bytes are fetched once;
 * decision and execution use the same copy. */
#include "arch/descriptor.h"
#include "hv/arch_if.h"
#include "hv/exit.h"
#include "hv/guest.h"
#include "hv/insn.h"
#include "hv/observer.h"
#include "hv/reflect.h"
#include "hv/shadow.h"
#include "hv/vdev.h"
#include "hv/vgdt.h"
#include "hv/vidt.h"
#include "hv/virq.h"

/* Elements of a string instruction that one exit handles. */
#define STRING_MAX 128u

/* And between two preemption points: into a page table each takes 200 instructions. */
#define STRING_A_STEP 32u

/* Only the flat kernel segment: with another base EIP is no linear address. */
static bool cs_is_flat(const struct vcpu *v)
{
    uint32_t lo = (uint32_t)v->arch.gdt[GABI_KERNEL_CS >> 3];
    uint32_t hi = (uint32_t)(v->arch.gdt[GABI_KERNEL_CS >> 3] >> 32);

    return v->regs->cs == GABI_KERNEL_CS && lo >> 16 == 0 &&
           (hi & (0xff0000ffu | DESC_B)) == DESC_B;
}

/* The instruction at EIP. The page behind is looked at only if it goes on there: to look
 * sets A bits, fills, and may kill. */
static struct insn decode_at_eip(struct vcpu *v)
{
    uint8_t bytes[INSN_MAX_BYTES];
    uint32_t eip = v->regs->eip;
    uint32_t first = hv_min_u32(INSN_MAX_BYTES, HV_PAGE_SIZE - (eip & HV_PAGE_MASK));
    struct insn in = {.op = INSN_UNKNOWN};

    if (!gva_read(v, bytes, GVA(eip), first))
        return in;
    in = insn_decode(bytes, first);
    if (in.op == INSN_TRUNCATED &&
        gva_read(v, bytes + first, GVA(eip + first), INSN_MAX_BYTES - first))
        in = insn_decode(bytes, INSN_MAX_BYTES);
    return in;
}

static uint32_t width_mask(uint32_t width)
{
    return width == 4 ? 0xffffffffu : width == 2 ? 0xffffu : 0xffu;
}

static uint32_t port_in(struct vcpu *v, uint16_t port, uint32_t width)
{
    const struct observer *o = v->guest->config.observer;
    uint32_t value;

    if (o && o->port_in(v->guest, port, width, &value))
        return value;
    return vdev_port_in(v->guest, port, width);
}

static void port_out(struct vcpu *v, uint16_t port, uint32_t width, uint32_t value)
{
    const struct observer *o = v->guest->config.observer;

    if (!o || !o->port_out(v->guest, port, value))
        vdev_port_out(v->guest, port, width, value);
}

/* Behind an instruction; RF was for that one (SDM 3B 17.3.1.1). */
HV_INLINE void advance(struct guest_regs *r, uint32_t bytes)
{
    r->eip += bytes;
    r->eflags &= ~EFLAGS_RF;
}

enum stored { STORED, REFUSED_BY_SEGMENT, REFUSED_BY_PAGE };

/* One element of INS: all ones to ES:offset, whole or not at all. *va is where it went, or
 * where the page is that refused. */
static enum stored ins_element(struct vcpu *v, uint32_t offset, uint32_t width, uint32_t *va)
{
    static const uint32_t ones = 0xffffffffu;
    gva_t last;

    if (!vgdt_linear(v, v->regs->es, offset, width, va))
        return REFUSED_BY_SEGMENT;
    last = gva_add(GVA(*va), width - 1);
    if (gva_offset(last) < width - 1 && gva_write_ptr(v, GVA(*va)) &&
        !gva_write_ptr(v, last)) {
        *va = gva_page(last);
        return REFUSED_BY_PAGE;
    }
    return gva_write(v, GVA(*va), &ones, width) ? STORED : REFUSED_BY_PAGE;
}

/* What has become of an instruction. */
enum outcome {
    NOT_OURS, /* #GP(0) */
    DONE,     /* carried out, EIP is behind it, or at it for the rest of a repeat */
    AGAIN,    /* the guest goes on where EIP is now: a fault of it, or the same again */
};

/* INS writes all ones, OUTS reads nothing: nobody who needs more is at ring 1.
 * Long repeats are done in parts: EIP stays until the count is used up. So do those that
 * TF or a watchpoint ends behind an element. */
static enum outcome emulate_string(struct vcpu *v, const struct insn *in, uint32_t *dr6)
{
    struct guest_regs *r = v->regs;
    uint32_t mask = in->addr16 ? 0xffffu : 0xffffffffu;
    uint32_t count = in->rep ? r->ecx & mask : 1, n = 0, va = 0;
    uint32_t most = hv_min_u32(count, r->eflags & EFLAGS_TF ? 1 : STRING_MAX);
    uint32_t step = r->eflags & EFLAGS_DF ? 0u - in->width : in->width;
    uint32_t *index = in->op == INSN_INS ? &r->edi : &r->esi;
    enum stored stored = STORED;

    while (n < most && *dr6 == 0) {
        if (in->op == INSN_INS) {
            stored = ins_element(v, *index & mask, in->width, &va);
            if (stored != STORED)
                break;
            *dr6 = arch_vcpu_watched(&v->arch, va, in->width);
        }
        *index = (*index & ~mask) | ((*index + step) & mask);
        if (++n % STRING_A_STEP == 0)
            arch_preempt_point();
    }
    if (in->rep)
        r->ecx = (r->ecx & ~mask) | ((r->ecx - n) & mask);
    if (n == count)
        advance(r, in->len);
    if (n != 0 || stored == STORED)
        return DONE;
    if (stored == REFUSED_BY_SEGMENT)
        return NOT_OURS;
    exit_fault_at(v, va, PF_ERR_W);
    return AGAIN;
}

#define OPCODE_HLT 0xf4u

/* STI opens interrupts behind the next instruction (SDM 2B). To none but HLT does it
 * matter: it would miss the one that it is to wait for. */
static void emulate_sti(struct vcpu *v, uint32_t next_eip)
{
    const uint8_t *next;

    if (v->lgdata->irq_enabled & GABI_IF)
        return;
    v->lgdata->irq_enabled = GABI_IF;
    next = gva_code_ptr(v, GVA(next_eip));
    if (!next || *next == OPCODE_HLT)
        virq_hold_at(v, next_eip);
}

/* PE, MP, ET and NE (SDM 3A 2.5): the word that smsw shows at any ring, before INIT. */
#define CR0_BEFORE_INIT 0x33u

/* By its number in ModRM. */
static uint32_t *general_register(struct vcpu *v, uint32_t number)
{
    struct guest_regs *r = v->regs;
    uint32_t *const registers[] = {&r->eax, &r->ecx, &r->edx, &r->ebx,
                                   &r->esp, &r->ebp, &r->esi, &r->edi};

    return registers[number];
}

/* The decompressor of Linux 3.14 to 4.13 with CONFIG_RANDOMIZE_BASE asks CR0 whether
 * it may look for an FPU, before INIT and so before there can be a gate. */
static bool reads_cr0(const struct vcpu *v)
{
    return !v->guest->abi;
}

/* Linux 4.0 to 4.8 reads CR4 before it has loaded a gate, by way of the one operation
 * that its lguest code did not replace; 0 is what the others read. */
static bool reads_cr4(const struct vcpu *v)
{
    return !vidt_present(v->guest, VEC_GP);
}

/* Moves of control and debug registers. */
static bool emulate_mov_special(struct vcpu *v, const struct insn *in)
{
    uint32_t *reg = general_register(v, in->reg);

    switch (in->op) {
    case INSN_READ_CR0:
        if (!reads_cr0(v))
            return false;
        *reg = CR0_BEFORE_INIT;
        return true;
    case INSN_READ_CR4:
        if (!reads_cr4(v))
            return false;
        *reg = 0;
        return true;
    case INSN_READ_DR:
        *reg = arch_vcpu_read_dr(&v->arch, in->dr);
        return true;
    case INSN_WRITE_DR:
    default:
        arch_vcpu_write_dr(&v->arch, in->dr, *reg);
        v->todo |= VCPU_TODO_DEBUG;
        return true;
    }
}

/* Written through the guest's own right to write where it has it; kernel text is
 * read-only for itself in later kernels, so by page otherwise. */
static bool patch_vmcall(struct vcpu *v)
{
    static const uint8_t patch[3] = {0xcd, GABI_HCALL_VECTOR, 0x90};

    if (!gva_patch(v, GVA(v->regs->eip), patch, sizeof(patch)))
        return false;
    v->guest->uses_vmcall = true;
    return true;
}

HV_INLINE void port_io(struct vcpu *v, const struct insn *in)
{
    struct guest_regs *r = v->regs;
    uint16_t port = in->imm_port ? in->port : (uint16_t)r->edx;
    uint32_t mask = width_mask(in->width);

    if (in->op == INSN_OUT)
        port_out(v, port, in->width, r->eax & mask);
    else
        r->eax = (r->eax & ~mask) | (port_in(v, port, in->width) & mask);
    advance(r, in->len);
}

static enum outcome emulate(struct vcpu *v, const struct insn *in, uint32_t *dr6)
{
    struct guest_regs *r = v->regs;

    switch (in->op) {
    case INSN_IN:
    case INSN_OUT:
        port_io(v, in);
        return DONE;
    case INSN_INS:
    case INSN_OUTS:
        return emulate_string(v, in, dr6);
    case INSN_CLI:
        break;
    case INSN_STI:
        emulate_sti(v, r->eip + in->len);
        break;
    case INSN_HLT:
        if (!(r->eflags & EFLAGS_TF)) /* no CPU sleeps with a #DB to come */
            v->todo |= VCPU_TODO_HALTED; /* unlike HALT: for good if the flag is off */
        break;
    case INSN_RDMSR:
        if (v->guest->abi)
            return NOT_OURS;
        r->eax = 0;
        r->edx = 0;
        break;
    case INSN_WRMSR:
        if (v->guest->abi)
            return NOT_OURS;
        break;
    case INSN_READ_CR0:
    case INSN_READ_CR4:
    case INSN_READ_DR:
    case INSN_WRITE_DR:
        if (!emulate_mov_special(v, in))
            return NOT_OURS;
        break;
    case INSN_VMCALL:
        return patch_vmcall(v) ? AGAIN : NOT_OURS;
    case INSN_HCALL:
    case INSN_UNKNOWN:
    case INSN_TRUNCATED:
    default:
        return NOT_OURS;
    }
    advance(r, in->len);
    return DONE;
}

/* A port instruction without a prefix needs no copy of what lies behind it. */
static bool carry_out_port(struct vcpu *v)
{
    const uint8_t *code = gva_code_ptr(v, GVA(v->regs->eip));
    struct insn in;

    if (!code || !insn_port(hv_read_once(code[0]), hv_read_once(code[1]), false, &in))
        return false;
    port_io(v, &in);
    exit_insn_done(v, 0);
    return true;
}

/* True: the #GP was an instruction that is carried out for the guest. */
static HV_NOINLINE bool carry_out(struct vcpu *v)
{
    struct insn in = decode_at_eip(v);
    enum outcome outcome;
    uint32_t dr6 = 0;

    if (guest_is_dead(v->guest))
        return true;
    outcome = emulate(v, &in, &dr6);
    if (outcome == DONE)
        exit_insn_done(v, dr6);
    return outcome != NOT_OURS;
}

/* T:260 A #GP: one of few instructions that are carried out for the guest, or its own fault. */
void exit_general_protection(struct vcpu *v)
{
    if (v->regs->errcode == 0 && cs_is_flat(v) && (carry_out_port(v) || carry_out(v)))
        return;
    if (!exit_refused_return(v, VEC_GP, v->regs->errcode))
        reflect_fault(v, VEC_GP, v->regs->errcode);
}

bool exit_try_vmcall(struct vcpu *v)
{
    struct insn in;

    if (!cs_is_flat(v))
        return false;
    in = decode_at_eip(v);
    if (in.op == INSN_HCALL)
        return true; /* seen through a stale mapping: just go again */
    return in.op == INSN_VMCALL && patch_vmcall(v);
}
