/* SPDX-License-Identifier: MIT */
/* Ringside's own UEFI loader: the order of its work.  Until leave_boot_services()
 * has succeeded every mistake is one line and the way back to the firmware's menu;
 * behind it nothing can fail any more. */
#include "../multiboot.h"
#include "conf.h"
#include "firmware.h"
#include "handover.h"

#include "hv/range.h"
#include "hv/string.h"
#include "version.h"

#include <efi.h>

#define CONF_FILE CONF_DIR "ringside.conf"
#define MODULE_MAX_BYTES 0x7fffffffu

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *st);

/* In pages of its own: it is too large for the firmware's stack, and what is not
 * zero lies in the loader's file. */
struct loader {
    struct conf conf;
    struct image image;
    struct fw_file monitor, modules[BOOT_MAX_MODULES];
    char cmdline[CONF_PATH_BYTES + BOOT_CMDLINE_BYTES];
};

static bool read_conf(struct loader *ld)
{
    struct fw_file f;

    if (!fw_read_file(&f, CONF_FILE, CONF_MAX_BYTES))
        return false;
    if (conf_parse(&ld->conf, (const char *)f.data, f.bytes))
        return true;
    fw_say("%s: %s", CONF_FILE, ld->conf.error);
    return false;
}

/* The file is copied from when nothing can be asked for any more: it must not lie
 * where the monitor goes. */
static bool move_away(struct fw_file *f, const struct image *im)
{
    void *other;

    if (!range_overlaps64((uintptr_t)f->data, f->bytes, im->base, im->bytes))
        return true;
    other = fw_alloc(f->bytes);
    if (!other)
        return false;
    memcpy(other, f->data, f->bytes);
    f->data = other;
    return true;
}

static bool read_monitor(struct loader *ld)
{
    const char *why;

    if (!fw_read_file(&ld->monitor, ld->conf.monitor, IMAGE_MAX_SPAN))
        return false;
    why = image_parse(&ld->image, ld->monitor.data, ld->monitor.bytes);
    if (!why) {
        /* From here on nothing else gets a page there. */
        fw_claim(ld->image.base, ld->image.bytes);
        why = move_away(&ld->monitor, &ld->image) ? NULL : "no memory for it";
    }
    if (why)
        fw_say("%s: %s", ld->conf.monitor, why);
    return !why;
}

static bool read_modules(struct loader *ld)
{
    for (uint32_t i = 0; i < ld->conf.nr_modules; i++) {
        if (!fw_read_file(&ld->modules[i], ld->conf.modules[i].path,
                          MODULE_MAX_BYTES))
            return false;
    }
    return true;
}

/* All but the memory map, which comes last. The command line begins with the
 * monitor's file and a module's string with its own, as GRUB's multiboot 1 does. */
static void write_info(struct info *in, struct loader *ld)
{
    const struct conf *c = &ld->conf;
    struct info_framebuffer fb;
    struct fw_smbios smbios;
    const uint8_t *rsdp = fw_find_rsdp();

    hv_snprintf(ld->cmdline, sizeof(ld->cmdline), "%s %s", c->monitor, c->options);
    info_string(in, INFO_CMDLINE, ld->cmdline);
    info_string(in, INFO_LOADER, MB2_LOADER_EFI);
    for (uint32_t i = 0; i < c->nr_modules; i++)
        info_module(in, (uint32_t)(uintptr_t)ld->modules[i].data,
                    ld->modules[i].bytes, c->modules[i].path,
                    c->modules[i].words.p, c->modules[i].words.n);
    if (!fw_find_framebuffer(&fb))
        fw_say("nothing more will appear on this screen, which only the firmware "
               "can draw on; a serial port shows the rest");
    if (fb.base != 0)
        info_framebuffer(in, &fb);
    if (rsdp)
        info_rsdp(in, rsdp);
    fw_find_smbios(&smbios);
    if (smbios.table)
        info_smbios(in, smbios.major, smbios.minor, smbios.table, smbios.bytes);
    info_system_table(in, fw_system_table());
}

/* Strings, the table of SMBIOS and small tags. */
#define INFO_BYTES (CONF_MAX_BYTES + BOOT_MAX_MODULES * (CONF_PATH_BYTES + 32) + \
                    SMBIOS_MAX_BYTES + HV_KIB(8))

static void *make_page(const struct loader *ld, const struct info *in)
{
    uint8_t *page = fw_alloc(HV_PAGE_SIZE);
    struct handover_data *d;

    if (!page)
        return NULL;
    memcpy(page, handover_start, (size_t)(handover_end - handover_start));
    d = (struct handover_data *)(void *)(page + (handover_data - handover_start));
    d->info = (uint32_t)(uintptr_t)in->p;
    d->entry = ld->image.entry;
    d->n = ld->image.n;
    for (uint32_t i = 0; i < d->n; i++) {
        const struct image_segment *s = &ld->image.segment[i];

        d->copy[i] = (struct handover_copy){
            .to = s->to,
            .from = (uint32_t)(uintptr_t)(ld->monitor.data + s->from),
            .bytes = s->file_bytes,
            .zero_bytes = s->bytes - s->file_bytes,
        };
    }
    return page;
}

static bool image_has_room(const struct loader *ld, const struct leave *l)
{
    struct info_map map = {.p = l->buffer};
    uint64_t key;

    if (!l->get_map(&map, l->room, &key)) {
        fw_say("the firmware gives no memory map");
        return false;
    }
    if (info_map_is_free(&map, ld->image.base, ld->image.bytes))
        return true;
    fw_say("%s: its memory from 0x%x to 0x%x is not free on this machine",
           ld->conf.monitor, ld->image.base,
           ld->image.base + (ld->image.bytes - 1));
    return false;
}

static const char *leave_fault(enum leave_result r)
{
    if (r == LEAVE_NO_MAP)
        return "the firmware gives no memory map";
    return r == LEAVE_NO_ROOM ? "the boot information is too long"
                              : "the firmware does not let go of the machine";
}

/* Returns only if something is wrong, after one line about it. */
static void start_monitor(struct loader *ld)
{
    struct leave l = {fw_get_map, fw_exit, NULL, fw_map_room()};
    enum leave_result r;
    struct info in;
    void *info_pages = fw_alloc(INFO_BYTES + l.room), *page = NULL;

    l.buffer = l.room > 0 ? fw_alloc(l.room) : NULL;
    if (info_pages && l.buffer) {
        info_begin(&in, info_pages, INFO_BYTES + l.room);
        write_info(&in, ld);
        page = make_page(ld, &in);
    }
    if (!page) {
        fw_say("no memory for the boot information below 4 GiB");
        return;
    }
    if (!image_has_room(ld, &l))
        return;
    fw_say("%s, %u module%s: starting", ld->conf.monitor, ld->conf.nr_modules,
           ld->conf.nr_modules == 1 ? "" : "s");
    r = leave_boot_services(&l, &in);
    if (r == LEFT)
        ((handover_enter *)page)(page);
    fw_say("%s", leave_fault(r));
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *st)
{
    struct loader *ld;

    fw_init(handle, st);
    fw_say("UEFI loader %s", HV_VERSION);
    ld = fw_alloc(sizeof(*ld));
    if (!ld)
        fw_say("no memory below 4 GiB");
    else if (read_conf(ld) && read_monitor(ld) && read_modules(ld))
        start_monitor(ld);
    fw_release_all();
    fw_wait();
    return EFI_LOAD_ERROR;
}
