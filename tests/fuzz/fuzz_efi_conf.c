/* SPDX-License-Identifier: MIT */
/* ringside.conf of any bytes: names and words are what the header promises, and
 * a refusal has its sentence. */
#include "efi/conf.h"
#include "fuzz.h"

static void check_path(const char *path)
{
    FUZZ_ASSERT(memchr(path, 0, CONF_PATH_BYTES));
    FUZZ_ASSERT(path[0] == '/' && path[1] != '\0' && !strchr(path, '\\') &&
                !strstr(path, "//"));
    for (; *path; path++)
        FUZZ_ASSERT(*path > ' ' && *path <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf c;
    char *text = malloc(size > 0 ? size : 1);

    memcpy(text, data, size);
    if (conf_parse(&c, text, (uint32_t)size)) {
        check_path(c.monitor);
        FUZZ_ASSERT(memchr(c.options, 0, sizeof(c.options)));
        FUZZ_ASSERT(c.nr_modules <= BOOT_MAX_MODULES);
        for (uint32_t i = 0; i < c.nr_modules; i++) {
            const struct span w = c.modules[i].words;

            check_path(c.modules[i].path);
            FUZZ_ASSERT(w.n == 0 || (w.p >= text && w.p + w.n <= text + size));
            FUZZ_ASSERT(!span_has(w, '\0') && !span_has(w, '\n'));
        }
    } else {
        FUZZ_ASSERT(c.error[0] && memchr(c.error, 0, sizeof(c.error)));
    }
    free(text);
    return 0;
}
