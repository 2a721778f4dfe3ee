/* SPDX-License-Identifier: MIT */
/* See hcall_fixture.h: the guest before and after INIT, with real registers of each
 * revision; every function that a hypercall leads to notes its arguments. */
#include "hcall_fixture.h"

/* ---- what the calls lead to ---- */

struct seen seen;
uint32_t nr_seen, pinned;
bool notify_ok = true;

static void see(const char *what, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    seen = (struct seen){what, a, b, c, d};
    nr_seen++;
}

static void new_pgtable(struct vcpu *who, uint32_t gcr3)
{
    (void)who;
    see("new_pgtable", gcr3, 0, 0, 0);
}

static void set_pte(struct vcpu *who, uint32_t pgd, uint32_t va)
{
    see("set_pte", pgd, va, who->hcall_c, who->hcall_d);
}

static void set_ptes(struct vcpu *who, const struct hcall *calls, uint32_t n)
{
    (void)who;
    for (uint32_t i = 0; i < n; i++)
        see("set_pte", calls[i].a, calls[i].b, calls[i].c, calls[i].d);
}

static const struct shadow_calls calls = {NULL, new_pgtable, set_pte, set_ptes};

void shadow_set_pgd(struct vcpu *who, uint32_t pgd, uint32_t index)
{
    (void)who;
    see("set_pgd", pgd, index, 0, 0);
}

void shadow_set_pmd(struct vcpu *who, uint32_t pmd, uint32_t index)
{
    (void)who;
    see("set_pmd", pmd, index, 0, 0);
}

void shadow_flush_user(struct vcpu *who)
{
    (void)who;
    see("flush_user", 0, 0, 0, 0);
}

void shadow_flush_all(struct vcpu *who)
{
    (void)who;
    see("flush_all", 0, 0, 0, 0);
}

void shadow_drop_all(struct vcpu *who)
{
    (void)who;
    see("drop_all", 0, 0, 0, 0);
}

void shadow_check_pin(struct vcpu *who)
{
    who->todo |= VCPU_TODO_PIN;
    pinned++;
}

void shadow_note_alias(struct guest *which, gfn_t f)
{
    REQUIRE(f.v < which->limit_pages);
}

bool vdev_notify(struct guest *which, uint32_t addr)
{
    (void)which;
    see("notify", addr, 0, 0, 0);
    return notify_ok;
}

void vtime_set_clockevent(struct vcpu *who, uint32_t delta_ns)
{
    (void)who;
    see("clockevent", delta_ns, 0, 0, 0);
}

void vtime_write_wallclock(struct vcpu *who)
{
    (void)who;
}

void arch_vcpu_map_lguest_data(struct arch_vcpu *a, hfn_t first, hfn_t second)
{
    a->lgdata_frame[0] = first;
    a->lgdata_frame[1] = second;
}

/* TF is never set here. */
void exit_insn_done(struct vcpu *who, uint32_t dr6)
{
    (void)who;
    see("insn_done", dr6, 0, 0, 0);
}

/* ---- the guest ---- */

#define FIRST_FRAME 0x100u

struct guest *g;
struct vcpu *v;
uint8_t *mem;

void *frame_ptr(hfn_t f)
{
    REQUIRE(f.v >= FIRST_FRAME && f.v - FIRST_FRAME < PAGES);
    return mem + ((size_t)(f.v - FIRST_FRAME) << HV_PAGE_SHIFT);
}

hfn_t frame_of_ptr(const void *p)
{
    return HFN((uint32_t)((size_t)((const uint8_t *)p - mem) >> HV_PAGE_SHIFT) +
               FIRST_FRAME);
}

const struct abi_row *row;
static uint64_t idt[256];

void boot(void)
{
    g = fake_gmem_guest(PAGES, 0);
    v = g->vcpu;
    mem = fake_gmem_bytes(g);
    v->shadow.calls = &calls;
    v->lgdata = &v->before_init;
    v->arch.idt = idt;
    g->linear = true;
    g->pages = calloc(PAGES, sizeof(*g->pages));
    REQUIRE(g->pages);
    for (uint32_t i = 0; i < PAGES; i++)
        g->pages[i].word = FIRST_FRAME + i;
    v->arch.gdt[13] = 0x00cfb3000000ffffull;
    v->flat_ss = 0x69;
    nr_seen = pinned = 0;
}

void put32(uint32_t offset, uint32_t value)
{
    memcpy(mem + LGDATA + offset, &value, 4);
}

uint32_t get32(uint32_t offset)
{
    uint32_t value;

    memcpy(&value, mem + LGDATA + offset, 4);
    return value;
}

/* lguest_data as a kernel of this revision has it in its image. */
void fill_lgdata(enum abi_revision rev)
{
    row = &abi_rows[rev];
    put32(4, 1);
    memset(mem + LGDATA + row->hcall_status, 0xff, 64);
    put32(row->syscall_vec, 0x80);
    put32(row->kernel_address, KERNEL);
    if (row->noirq_iret != ABI_NO_FIELD) {
        put32(row->noirq_iret, KERNEL + 0x1234);
    } else {
        put32(row->noirq_start, KERNEL + 0x1000);
        put32(row->noirq_end, KERNEL + 0x1008);
    }
}

/* A call, with the registers of the guest's revision. */
void call(uint32_t nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    struct guest_regs *r = v->regs, before;

    memset(r, 0x5a, sizeof(*r));
    r->eax = nr;
    if (row && row->edx_order) {
        r->edx = a;
        r->ebx = b;
        r->ecx = c;
    } else {
        r->ebx = a;
        r->ecx = b;
        r->edx = c;
        r->esi = d;
    }
    before = *r;
    exit_hcall(v);
    EXPECT(memcmp(r, &before, sizeof(before)) == 0); /* HC-20 */
}

void init_with(enum abi_revision rev)
{
    boot();
    fill_lgdata(rev);
    g->config.abi = rev;
    call(GABI_HCALL_INIT, LGDATA, 0, 0, 0);
    if (guest_is_dead(g))
        return;
    /* The fixed alias of the switcher area is not there on the host. */
    v->lgdata = (volatile struct gabi_data_head *)(void *)(mem + LGDATA);
    nr_seen = 0;
}

void up(void)
{
    init_with(ABI_3_1);
    REQUIRE(!guest_is_dead(g));
}

/* The last call killed with this; the guest goes on for the next case. */
void expect_kill(const char *why)
{
    if (g->end != END_KILLED || !strstr(g->reason, why))
        test_fail(__FILE__, __LINE__, "expected \"%s\", got \"%s\"", why, g->reason);
    g->end = END_NONE;
    g->reason[0] = '\0';
    v->todo &= ~VCPU_TODO_DEAD;
}
