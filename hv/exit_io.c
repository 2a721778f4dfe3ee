/* SPDX-License-Identifier: MIT */
/* T:127 #GP: the few instructions that are emulated at ring 1 (ABI 5.5, contract.md
 * "Pinned choices"); everything else is reflected.  The bytes are fetched once;
 * decision and execution use the same copy. */
#include "hv/arch_if.h"
#include "hv/exit.h"
#include "hv/guest.h"
#include "hv/insn.h"
#include "hv/reflect.h"
#include "hv/shadow.h"
#include "hv/string.h"
#include "hv/vdev.h"
#include "hv/vidt.h"

/* The suite's own port: exits so far / a word for the suite (test guests). */
#define TEST_PORT 0xe8
/* Its neighbour, where fault injection is built in: reads 1 / the copy of guest
 * memory that shall fail, counted from the next. */
#define INJECT_PORT 0xe9

/* Elements of a string instruction that one exit handles. */
#define STRING_MAX 128u

/* And between two preemption points: into a page table each takes 200 instructions. */
#define STRING_A_STEP 32u

/* Only the flat kernel segment: with another base EIP is no linear address. */
static bool cs_is_flat(const struct vcpu *v)
{
    uint64_t d = v->arch.gdt[GDT_GUEST_CS];

    return v->regs->cs == SEL_GUEST_CS && (d & 0xff0000ffffff0000ull) == 0x0000 &&
           (d & (1ull << 54)); /* D: 32-bit code */
}

/* Up to 15 bytes at EIP; an instruction may end before an unmapped page. */
static uint32_t fetch(struct vcpu *v, uint8_t *bytes)
{
    uint32_t eip = v->regs->eip;
    uint32_t first = hv_min_u32(INSN_MAX_BYTES, HV_PAGE_SIZE - (eip & HV_PAGE_MASK));

    if (!gva_read(v, bytes, GVA(eip), first))
        return 0;
    if (first == INSN_MAX_BYTES)
        return first;
    if (!gva_read(v, bytes + first, GVA(eip + first), INSN_MAX_BYTES - first))
        return first;
    return INSN_MAX_BYTES;
}

static uint32_t width_mask(uint32_t width)
{
    return width == 4 ? 0xffffffffu : width == 2 ? 0xffffu : 0xffu;
}

static uint32_t port_in(struct vcpu *v, uint16_t port, uint32_t width)
{
    if (port == TEST_PORT && v->guest->config.is_test)
        return vcpu_exits(v);
#if HV_CFG_INJECT
    if (port == INJECT_PORT && v->guest->config.is_test)
        return 1;
#endif
    return vdev_port_in(v->guest, port, width);
}

static void port_out(struct vcpu *v, uint16_t port, uint32_t width, uint32_t value)
{
    if (port == TEST_PORT && v->guest->config.is_test)
        v->guest->test_word = value;
#if HV_CFG_INJECT
    else if (port == INJECT_PORT && v->guest->config.is_test)
        v->guest->copies_to_fault = value;
#endif
    else
        vdev_port_out(v->guest, port, width, value);
}

/* INS writes all ones, OUTS reads nothing: nobody who needs more is at ring 1.
 * Long repeats are done in parts: EIP stays until the count is used up. */
static bool emulate_string(struct vcpu *v, const struct insn *in)
{
    struct guest_regs *r = v->regs;
    uint32_t mask = in->addr16 ? 0xffffu : 0xffffffffu;
    uint32_t count = in->rep ? r->ecx & mask : 1;
    uint32_t n = hv_min_u32(count, STRING_MAX);
    uint32_t step = r->eflags & EFLAGS_DF ? 0u - in->width : in->width;
    uint32_t *index = in->op == INSN_INS ? &r->edi : &r->esi;
    static const uint32_t ones = 0xffffffffu;

    for (uint32_t i = 0; i < n; i++) {
        if (in->op == INSN_INS &&
            !gva_write(v, GVA(*index & mask), &ones, in->width)) {
            n = i;
            break;
        }
        if (i % STRING_A_STEP == STRING_A_STEP - 1)
            arch_preempt_point();
        *index = (*index & ~mask) | ((*index + step) & mask);
    }
    if (in->rep)
        r->ecx = (r->ecx & ~mask) | ((r->ecx - n) & mask);
    if (n == count)
        r->eip += in->len;
    return n != 0 || count == 0;
}

static void emulate_hlt(struct vcpu *v)
{
    /* Unlike HALT it does not open interrupts: with them off it sleeps for good. */
    v->halted = true;
    v->attention |= VCPU_ATTN_HALTED;
    if (v->irq_enabled && !(*v->irq_enabled & EFLAGS_IF))
        v->hlt_forever = true;
}

/* PE, MP, ET and NE (SDM 3A 2.5): the word that smsw shows at any ring, before INIT. */
#define CR0_BEFORE_INIT 0x33u

static bool set_reg(struct vcpu *v, uint32_t reg, uint32_t value)
{
    struct guest_regs *r = v->regs;
    uint32_t *const to[] = {&r->eax, &r->ecx, &r->edx, &r->ebx,
                            NULL,    &r->ebp, &r->esi, &r->edi};

    *to[reg] = value;
    return true;
}

/* The decompressor of Linux 3.14 to 4.13 with CONFIG_RANDOMIZE_BASE asks CR0 whether
 * it may look for an FPU, before INIT and so before there can be a gate. */
static bool emulate_read_cr0(struct vcpu *v, uint32_t reg)
{
    return !v->irq_enabled && set_reg(v, reg, CR0_BEFORE_INIT);
}

/* Linux 4.0 to 4.8 reads CR4 before it has loaded a gate, by way of the one operation
 * that its lguest code did not replace; 0 is what the others read. */
static bool emulate_read_cr4(struct vcpu *v, uint32_t reg)
{
    return !vidt_present(v->guest, VEC_GP) && set_reg(v, reg, 0);
}

/* False: not ours, reflect. */
static bool emulate(struct vcpu *v, const struct insn *in)
{
    struct guest_regs *r = v->regs;
    uint16_t port = in->imm_port ? in->port : (uint16_t)r->edx;
    uint32_t mask = width_mask(in->width);

    switch (in->op) {
    case INSN_IN:
        r->eax = (r->eax & ~mask) | (port_in(v, port, in->width) & mask);
        break;
    case INSN_OUT:
        port_out(v, port, in->width, r->eax & mask);
        break;
    case INSN_INS:
    case INSN_OUTS:
        return emulate_string(v, in);
    case INSN_CLI:
        break;
    case INSN_STI:
        if (v->irq_enabled)
            *v->irq_enabled = EFLAGS_IF;
        break;
    case INSN_HLT:
        emulate_hlt(v);
        break;
    case INSN_RDMSR:
        if (v->irq_enabled)
            return false;
        r->eax = 0;
        r->edx = 0;
        break;
    case INSN_WRMSR:
        if (v->irq_enabled)
            return false;
        break;
    case INSN_READ_CR0:
        if (!emulate_read_cr0(v, in->reg))
            return false;
        break;
    case INSN_READ_CR4:
        if (!emulate_read_cr4(v, in->reg))
            return false;
        break;
    case INSN_VMCALL:
        return exit_try_vmcall(v);
    case INSN_UNKNOWN:
    default:
        return false;
    }
    r->eip += in->len;
    return true;
}

/* Port I/O without a prefix, or of 16 bits with the port in DX: the everyday case,
 * straight from the page it lies in. false: look with the decoder. */
static bool quick_port_io(struct vcpu *v)
{
    struct guest_regs *r = v->regs;
    const uint8_t *code = gva_code_ptr(v, GVA(r->eip));
    uint32_t op, width, mask;
    uint16_t port;

    if (!code)
        return false;
    op = code[0];
    if ((op & 0xf4) != 0xe4) { /* e4-e7, ec-ef */
        if (op != 0x66 || (code[1] & 0xfd) != 0xed)
            return false;
        if (code[1] & 2)
            port_out(v, (uint16_t)r->edx, 2, r->eax & 0xffffu);
        else
            r->eax = (r->eax & ~0xffffu) | (port_in(v, (uint16_t)r->edx, 2) & 0xffffu);
        r->eip += 2;
        return true;
    }
    port = op & 8 ? (uint16_t)r->edx : code[1];
    width = op & 1 ? 4 : 1;
    mask = op & 1 ? 0xffffffffu : 0xffu;
    if (op & 2)
        port_out(v, port, width, r->eax & mask);
    else
        r->eax = (r->eax & ~mask) | (port_in(v, port, width) & mask);
    r->eip += op & 8 ? 1 : 2;
    return true;
}

void exit_general_protection(struct vcpu *v)
{
    uint8_t bytes[INSN_MAX_BYTES];
    struct insn in;
    uint32_t n;

    if (hv_likely(v->regs->errcode == 0 && v->regs->cs == SEL_GUEST_CS &&
                  cs_is_flat(v)) && quick_port_io(v))
        return;
    if (v->regs->errcode == 0 && (v->regs->cs & 3) == 1 && cs_is_flat(v)) {
        n = fetch(v, bytes);
        if (guest_is_dead(v->guest))
            return;
        if (n) {
            in = insn_decode(bytes, n);
            if (emulate(v, &in))
                return;
        }
    }
    if (!guest_is_dead(v->guest))
        reflect_fault(v, VEC_GP, v->regs->errcode);
}

bool exit_try_vmcall(struct vcpu *v)
{
    static const uint8_t vmcall[3] = {0x0f, 0x01, 0xc1};
    static const uint8_t patch[3] = {0xcd, VEC_HCALL, 0x90};
    struct guest *g = v->guest;
    uint8_t b[3];

    if (!cs_is_flat(v) || !gva_read(v, b, GVA(v->regs->eip), 3))
        return false;
    if (b[0] == patch[0] && b[1] == patch[1])
        return true; /* seen through a stale mapping: just go again */
    if (memcmp(b, vmcall, 3) != 0)
        return false;
    /* Written through the guest's own right to write where it has it; kernel
     * text is read-only for itself in later kernels, so by page otherwise. */
    if (!gva_patch(v, GVA(v->regs->eip), patch, 3))
        return false;
    g->uses_vmcall = true; /* from now on #UD comes here always (vidt_choose) */
    return true;
}
