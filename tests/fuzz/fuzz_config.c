/* SPDX-License-Identifier: MIT */
/* Everything that users write: pieces of the input, each ended by a NUL, are the
 * hypervisor's command line and then modules.  A piece that begins with K is an
 * image with the rest as its string, D is data, C is a config module with the
 * rest as its text. */
#include "boot.h"
#include "fake.h"
#include "fuzz.h"

#include "hv/cmdline.h"

#define MODULE_AT 0x200000u
#define MODULE_STEP 0x100000u
#define PIECES 32u

static uint8_t elf[64] = "\177ELF";
static uint8_t plain[64] = "data";

static struct boot_info bi;
static struct hv_options options;
static void *owned[PIECES];

static char *copy_of(const uint8_t *p, size_t n, bool nul)
{
    char *c = malloc(n + (nul || n == 0));

    memcpy(c, p, n);
    if (nul)
        c[n] = '\0';
    return c;
}

static void check_guest(const struct guest_config *c)
{
    size_t n = strlen(c->name);

    FUZZ_ASSERT(n > 0 && n < GUEST_NAME_BYTES);
    for (size_t i = 0; i < n; i++)
        FUZZ_ASSERT(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "0123456789._-", c->name[i]));
    FUZZ_ASSERT(strchr("._-", c->name[0]) == NULL);
    FUZZ_ASSERT(memchr(c->cmdline, 0, sizeof(c->cmdline)));
    FUZZ_ASSERT(memchr(c->kernel_name, 0, sizeof(c->kernel_name)));
    FUZZ_ASSERT(c->memory_mib >= 1 && c->memory_mib <= 512);
    FUZZ_ASSERT(c->cap_percent <= 100 && c->cpu_weight >= 1);
    FUZZ_ASSERT(c->nr_disks <= GUEST_MAX_DISKS);
    FUZZ_ASSERT(c->kernel.data == elf && c->kernel.bytes == sizeof(elf));
    FUZZ_ASSERT((uint32_t)c->abi < ABI_NR && c->pae >= -1 && c->pae <= 1);
    for (uint32_t i = 0; i < c->nr_disks; i++)
        FUZZ_ASSERT(c->disks[i].data && c->disks[i].name[2] == (char)('a' + i));
}

static void add_module(const uint8_t *p, size_t n)
{
    uint32_t i = bi.nr_modules, base = MODULE_AT + i * MODULE_STEP;
    struct boot_module *m = &bi.modules[i];
    bool config = n > 0 && p[0] == 'C';

    if (n < 1u + config || n >= BOOT_MODSTR_BYTES || i == PIECES)
        return;
    owned[i] = copy_of(p + 1, n - 1, !config);
    *m = (struct boot_module){base, sizeof(elf), owned[i]};
    if (config) {
        m->string = "config";
        m->bytes = (uint32_t)n - 1;
        fake_phys_add(base, owned[i], m->bytes);
    } else {
        fake_phys_add(base, p[0] == 'K' ? elf : plain, sizeof(elf));
    }
    bi.nr_modules++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul;
    char *line;
    size_t n;

    memset(&bi, 0, sizeof(bi));
    memset(owned, 0, sizeof(owned));
    fake_phys_clear();
    fake_guests_added = 0;
    bi.nr_regions = 1;
    bi.regions[0] = (struct boot_region){0x100000, 512u << 20, BOOT_REGION_RAM};
    for (bool first = true; size > 0; first = false) {
        nul = memchr(data, 0, size);
        n = nul ? (size_t)(nul - data) : size;
        if (first) {
            line = copy_of(data, n, true);
            cmdline_parse(&options, line);
            free(line);
            FUZZ_ASSERT(memchr(options.test, 0, sizeof(options.test)));
            FUZZ_ASSERT(options.escape > 0 && options.escape < 32);
            FUZZ_ASSERT(options.timeout_s > 0 && options.com[0].baud >= 50);
        } else {
            add_module(data, n);
        }
        n += nul != NULL;
        data += n;
        size -= n;
    }
    modules_parse(&bi);
    for (uint32_t i = 0; i < fake_guests_added; i++) {
        check_guest(&fake_guest_configs[i]);
        for (uint32_t k = 0; k < i; k++)
            FUZZ_ASSERT(strcmp(fake_guest_configs[i].name,
                               fake_guest_configs[k].name) != 0);
    }
    for (uint32_t i = 0; i < PIECES; i++)
        free(owned[i]);
    return 0;
}
