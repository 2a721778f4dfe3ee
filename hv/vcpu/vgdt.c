/* SPDX-License-Identifier: MIT */
/* Guest descriptors.  Whatever bit pattern a guest asks for, what reaches the
 * real GDT is a code or data segment for ring 1 or 3, or nothing. */
#include "hv/vgdt.h"

#include "arch/descriptor.h"
#include "hv/arch_if.h"
#include "hv/vcpu.h"

/* The high dword of what is installed; 0: nothing is. */
HV_INLINE uint32_t sanitised(uint32_t hi)
{
    if (hv_likely((hi & (DESC_S | DESC_L | DESC_DPL(3))) == (DESC_S | DESC_DPL(3))))
        return hi | DESC_ACCESSED; /* an absent one, too: #NP is its due */
    if ((hi & (DESC_S | DESC_L | DESC_DPL(2))) != DESC_S)
        return 0; /* a gate, TSS or LDT, 64-bit code, ring 2 */
    /* A conforming segment would run at the caller's level: it is as harmless
     * as any, but ring 3 must not find ring-1 code it can simply call. */
    if ((hi & (DESC_CODE | DESC_CONFORMING)) == (DESC_CODE | DESC_CONFORMING))
        return 0;
    return hi | DESC_DPL(1) | DESC_ACCESSED;
}

/* T:230 No descriptor of a guest reaches the CPU but through here. */
uint64_t vgdt_sanitise(uint64_t desc)
{
    uint32_t hi = sanitised((uint32_t)(desc >> 32));

    return hi ? (uint64_t)hi << 32 | (uint32_t)desc : 0;
}

void vgdt_load_entry(struct vcpu *v, uint32_t index, uint64_t desc)
{
    if (!gdt_index_is_guests(index))
        return;
    desc = vgdt_sanitise(desc);
    arch_vcpu_set_gdt(&v->arch, index, (uint32_t)desc, (uint32_t)(desc >> 32));
    if (index == GABI_KERNEL_DS >> 3)
        v->flat_ss = desc == seg_desc_make(0, 0xffffffff, SEG_DATA_RW, 1) ? GABI_KERNEL_DS : 0;
}

HV_INLINE void load_one_tls(struct vcpu *v, uint32_t i, uint32_t lo, uint32_t hi)
{
    hi = sanitised(hi);
    arch_vcpu_set_gdt(&v->arch, GABI_TLS_FIRST + i, hi ? lo : 0, hi);
}

void vgdt_load_tls(struct vcpu *v, const volatile uint32_t words[2 * GABI_TLS_ENTRIES])
{
    _Static_assert(GABI_TLS_ENTRIES == 3, "each is loaded");

    load_one_tls(v, 0, words[0], words[1]);
    load_one_tls(v, 1, words[2], words[3]);
    load_one_tls(v, 2, words[4], words[5]);
}

static uint32_t limit_of(uint32_t lo, uint32_t hi)
{
    uint32_t limit = (lo & 0xffff) | (hi & 0xf0000);

    return hi & DESC_G ? limit << 12 | 0xfff : limit;
}

bool vgdt_linear(const struct vcpu *v, uint32_t selector, uint32_t offset, uint32_t bytes,
                 uint32_t *linear)
{
    uint32_t index = selector >> 3, last = offset + bytes - 1, lo, hi, limit;

    if (!gdt_index_is_guests(index) || (selector & 4) || last < offset)
        return false;
    lo = (uint32_t)v->arch.gdt[index];
    hi = (uint32_t)(v->arch.gdt[index] >> 32);
    if ((hi & (DESC_P | DESC_CODE | DESC_WRITABLE)) != (DESC_P | DESC_WRITABLE))
        return false;
    limit = limit_of(lo, hi);
    if (!(hi & DESC_EXPAND_DOWN) ? last > limit
                                 : offset <= limit || (!(hi & DESC_B) && last > 0xffff))
        return false;
    *linear = (lo >> 16 | (hi & 0xff) << 16 | (hi & 0xff000000)) + offset;
    return true;
}

uint32_t vgdt_stack_mask(const struct vcpu *v, uint32_t selector)
{
    uint32_t hi = (uint32_t)(v->arch.gdt[selector >> 3 & (GABI_GDT_ENTRIES - 1)] >> 32);

    return hi & DESC_B ? 0xffffffffu : 0xffffu;
}

void vgdt_init(struct vcpu *v)
{
    for (uint32_t i = 1; i < GABI_GDT_ENTRIES; i++)
        vgdt_load_entry(v, i, 0);
    vgdt_load_entry(v, GABI_KERNEL_CS >> 3, seg_desc_make(0, 0xffffffff, SEG_CODE_RX, 1));
    vgdt_load_entry(v, GABI_KERNEL_DS >> 3, seg_desc_make(0, 0xffffffff, SEG_DATA_RW, 1));
}
