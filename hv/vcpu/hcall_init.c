/* SPDX-License-Identifier: MIT */
/* LGUEST_INIT (ABI 3.3, 3.4): finds the guest's row of the interface, checks its
 * lguest_data and fills in what is the monitor's there, and maps it beside the switcher. */
#include "hv/arch_if.h"
#include "hv/gmem.h"
#include "hv/guest.h"
#include "hv/hcall.h"
#include "hv/loader.h"
#include "hv/shadow.h"
#include "hv/vtime.h"

static bool probe_read(void *ctx, uint32_t pa, void *dst, uint32_t len)
{
    return gmem_read(ctx, dst, GPA(pa), len);
}

static uint32_t field(struct guest *g, uint16_t offset)
{
    uint32_t v = 0;

    if (offset != ABI_NO_FIELD && !gmem_read32(g, GPA(g->lguest_data + offset), &v))
        return 0; /* cannot be: the structure was checked */
    return v;
}

static void set_field(struct guest *g, uint16_t offset, uint32_t value)
{
    if (offset != ABI_NO_FIELD &&
        !gmem_write32(g, GPA(g->lguest_data + offset), value))
        guest_kill(g, "bad guest page %#x", g->lguest_data);
}

static void map_alias(struct vcpu *v)
{
    struct guest *g = v->guest;
    uint32_t gfn = g->lguest_data >> HV_PAGE_SHIFT;
    uint32_t last = (g->lguest_data + g->abi->size_bytes - 1) >> HV_PAGE_SHIFT;
    hfn_t f[2] = {gmem_frame(g, GFN(gfn)), HFN_NONE};

    shadow_note_alias(g, GFN(gfn));
    if (last != gfn) {
        f[1] = gmem_frame(g, GFN(last));
        shadow_note_alias(g, GFN(last));
    }
    arch_vcpu_map_lguest_data(&v->arch, f[0], f[1]);
    v->lgdata = (volatile struct gabi_data_head *)(uintptr_t)(
        SW_LGDATA + (g->lguest_data & HV_PAGE_MASK));
}

static void read_window(struct guest *g)
{
    const struct abi_row *abi = g->abi;

    if (abi->noirq_iret != ABI_NO_FIELD) {
        g->noirq_start = field(g, abi->noirq_iret);
        g->noirq_end = g->noirq_start + 1;
    } else {
        g->noirq_start = field(g, abi->noirq_start);
        g->noirq_end = field(g, abi->noirq_end);
    }
}

/* Boot page tables (ABI 1.5) come with a second map at 0xc0000000. Only INIT says that
 * a kernel is elsewhere, as CONFIG_VMSPLIT_2G and its like have it: it needs one there
 * to go on. An entry of the map at 0 that is in its place gives way. */
static void map_kernel(struct guest *g)
{
    uint32_t bytes = g->pae ? 8 : 4, first = g->kernel_address >> (g->pae ? 30 : 22);
    uint32_t n = g->pae ? 1 : hv_min_u32(first, 1023 - first);

    if (!g->boot_pgdir || g->kernel_address == LOADER_HIGH_MAP || first == 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t entry;

        if (!gmem_read32(g, GPA(g->boot_pgdir + i * bytes), &entry) || !entry)
            return;
        if (!gmem_write32(g, GPA(g->boot_pgdir + (first + i) * bytes), entry))
            return;
    }
}

static void init(struct vcpu *v, const struct abi_probe_out *p)
{
    struct guest *g = v->guest;
    uint32_t vec, kernel;

    g->lguest_data = p->lguest_data;
    if ((g->lguest_data & 3) ||
        !gmem_range_ok(g, GPA(g->lguest_data), p->row->size_bytes)) {
        guest_kill(g, "bad guest page %#x", g->lguest_data);
        return;
    }
    g->abi = p->row;
    set_field(g, g->abi->tsc_khz, arch_tsc_khz());
    vec = field(g, g->abi->syscall_vec);
    if (!abi_syscall_vector_ok(vec)) {
        guest_kill(g, "bad syscall vector %u", vec);
        return;
    }
    kernel = field(g, g->abi->kernel_address);
    if (kernel == 0 || kernel >= LAYOUT_GUEST_TOP || (kernel & 0x3fffffu)) {
        guest_kill(g, "bad kernel address %#x", kernel);
        return;
    }
    g->syscall_vec = (uint8_t)vec;
    g->kernel_address = kernel;
    read_window(g);
    set_field(g, g->abi->reserve_mem, GABI_RESERVE_MEM);
    if (g->boot_pgdir)
        set_field(g, g->abi->pgdir, g->boot_pgdir);
    map_kernel(g);
    map_alias(v);
    vtime_write_wallclock(v);
    shadow_drop_all(v);
}

/* T:210 The first call says who the guest is: nothing of its interface is believed before. */
void hcall_first(struct vcpu *v)
{
    const struct guest_regs *r = v->regs;
    struct guest *g = v->guest;
    struct abi_probe_in in = {
        .via = g->uses_vmcall ? ABI_VIA_VMCALL : ABI_VIA_INT,
        .ebx = r->ebx,
        .edx = r->edx,
        .config = g->config.abi,
        .image = g->image_abi,
        .read = probe_read,
        .ctx = g,
    };
    struct abi_probe_out out;

    if (r->eax != GABI_HCALL_INIT) {
        guest_kill(g, "hypercall %u before INIT", r->eax);
        return;
    }
    abi_probe(&in, &out);
    init(v, &out);
}
