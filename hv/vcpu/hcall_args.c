/* SPDX-License-Identifier: MIT */
/* The hypercalls with arguments to check: SHUTDOWN, tables, stacks.  Every
 * structure is copied from guest memory first; the copy is checked. */
#include "arch/descriptor.h"
#include "hv/arch_if.h"
#include "hv/gmem.h"
#include "hv/guest.h"
#include "hv/hcall.h"
#include "hv/shadow.h"
#include "hv/string.h"
#include "hv/vgdt.h"

void hcall_shutdown(HCALL_ARGS)
{
    struct guest *g = v->guest;
    char text[GABI_SHUTDOWN_TEXT_BYTES], safe[GABI_SHUTDOWN_TEXT_BYTES];
    uint32_t n = 0;

    /* Linux reboots with a text at an address that is no memory (ABI 2.3). */
    gmem_read_string(g, text, GPA(a), sizeof(text));
    for (uint32_t i = 0; text[i] && n + 5 < sizeof(safe); i++) {
        uint8_t ch = (uint8_t)text[i];

        if (ch >= 0x20 && ch < 0x7f)
            safe[n++] = (char)ch;
        else
            n += (uint32_t)hv_snprintf(safe + n, sizeof(safe) - n, "\\x%02x", ch);
    }
    safe[n] = '\0';
    if (b == GABI_SHUTDOWN_RESTART)
        guest_end(g, END_REBOOT, n ? safe : "restart");
    else if (!strcmp(safe, "Power down") || !strcmp(safe, "PASS") ||
             str_starts(safe, "SKIP: "))
        guest_end(g, END_POWEROFF, safe);
    else
        guest_end(g, END_CRASH, n ? safe : "no text");
}

/* PAE is not announced (ABI 3.4): the first top-level table shows it. */
static bool looks_like_pae(struct guest *g, uint32_t cr3)
{
    uint32_t q[8];
    bool any = false;

    if (cr3 & HV_PAGE_MASK)
        return true;
    if (!gmem_read(g, q, GPA(cr3), sizeof(q)))
        return false;
    for (uint32_t i = 0; i < 8; i += 2) {
        if (!q[i] && !q[i + 1])
            continue;
        if ((q[i] & HV_PAGE_MASK) != 1 || q[i + 1])
            return false;
        any = true;
    }
    return any;
}

static void decide_pae(struct guest *g, uint32_t cr3)
{
    bool pae = looks_like_pae(g, cr3);

    if (g->linear) {
        g->pae = pae;
    } else if (g->pae != pae) {
        guest_kill(g, "its page tables are %s, the boot tables were built %s: "
                      "give pae=%d", pae ? "PAE" : "2-level",
                   g->pae ? "PAE" : "2-level", pae);
        return;
    }
    g->pae_known = true;
    log_always("guest %s: abi %s pae=%d", g->config.name, g->abi->name, g->pae);
}

static HV_NOINLINE void first_new_pgtable(struct vcpu *v, uint32_t cr3)
{
    decide_pae(v->guest, cr3);
    if (!guest_is_dead(v->guest))
        shadow_new_pgtable(v, cr3);
}

void hcall_new_pgtable(HCALL_ARGS)
{
    if (hv_likely(v->guest->pae_known))
        shadow_new_pgtable(v, a);
    else
        first_new_pgtable(v, a);
}

/* The selector must name a writable ring-1 data segment that is installed. */
static bool stack_selector_ok(const struct vcpu *v, uint32_t sel)
{
    uint32_t hi;

    if ((sel & 7) != 1 || !gdt_index_is_guests(sel >> 3))
        return false;
    hi = (uint32_t)(v->arch.gdt[sel >> 3] >> 32);
    return (hi & (DESC_P | DESC_DPL(3) | DESC_S | DESC_CODE | DESC_WRITABLE)) ==
           (DESC_P | DESC_DPL(1) | DESC_S | DESC_WRITABLE);
}

void hcall_set_stack(HCALL_ARGS)
{
    struct guest *g = v->guest;

    if (!stack_selector_ok(v, a)) {
        guest_kill(g, "bad stack segment %#x", a);
        return;
    }
    if (v->hcall_c > 2) {
        guest_kill(g, "bad stack pages %u", v->hcall_c);
        return;
    }
    if (b - 1 >= LAYOUT_GUEST_TOP) {
        guest_kill(g, "bad stack page %#x", b);
        return;
    }
    v->ss1 = (uint16_t)a;
    v->esp1 = b;
    v->stack_pages = (uint8_t)v->hcall_c;
    arch_vcpu_set_stack(a, b);
    shadow_check_pin(v);
}

static HV_NOINLINE void load_tls_copied(struct vcpu *v, uint32_t at)
{
    uint32_t words[2 * GABI_TLS_ENTRIES];

    if (gmem_read(v->guest, words, GPA(at), sizeof(words)))
        vgdt_load_tls(v, words);
    else
        guest_kill(v->guest, "bad read address %#x len %u", at, (uint32_t)sizeof(words));
    arch_preempt_point(); /* it may have touched two pages, 64 times in the ring */
}

void hcall_load_tls(HCALL_ARGS)
{
    const volatile uint32_t *words = gmem_tls_words(v->guest, GPA(a));

    if (hv_likely(words != NULL))
        vgdt_load_tls(v, words);
    else
        load_tls_copied(v, a);
}

void hcall_load_gdt(HCALL_ARGS)
{
    uint64_t desc[GABI_GDT_ENTRIES];

    if (!v->guest->abi->has_gdt_table) {
        guest_kill(v->guest, "bad hypercall %u", GABI_HCALL_LOAD_GDT);
        return;
    }
    if (b > GABI_GDT_ENTRIES) {
        guest_kill(v->guest, "too many gdt entries %u", b);
        return;
    }
    if (!gmem_read(v->guest, desc, GPA(a), b * 8)) {
        guest_kill(v->guest, "bad read address %#x len %u", a, b * 8);
        return;
    }
    for (uint32_t i = 0; i < b; i++)
        vgdt_load_entry(v, i, desc[i]);
    arch_preempt_point(); /* the ring may hold 64 of them */
}

void hcall_load_gdt_entry(HCALL_ARGS)
{
    if (a >= GABI_GDT_ENTRIES)
        guest_kill(v->guest, "too many gdt entries %u", a);
    else
        vgdt_load_entry(v, a, ((uint64_t)v->hcall_c << 32) | b);
}
