/* SPDX-License-Identifier: MIT */
/* Command line and module strings as they were before GRUB 2 quoted them. */
#include "boot.h"
#include "span.h"

/* GRUB 2 puts a backslash before each \ ' and " of an argument, and one with a blank
 * into double quotes (its lib/cmdline.c).  Undoes that for the argument at *in and
 * returns the end of what it wrote to out, which may be the same memory.  Quotes are
 * kept on demand, if the argument has none of its own. */
HV_INIT static char *undo_argument(const char **in, char *out, bool keep)
{
    const char *p = *in;
    char *begin = out;
    bool quoted = *p == '"';

    if (quoted)
        *out++ = *p++;
    while (*p != '\0' && *p != (quoted ? '"' : ' ')) {
        bool escaped = p[0] == '\\' && (p[1] == '\\' || p[1] == '\'' || p[1] == '"');

        p += escaped;
        keep = keep && !(escaped && *p == '"');
        *out++ = *p++;
    }
    if (quoted && *p == '"' && keep) {
        *out++ = *p++;
    } else if (quoted) {
        p += *p == '"';
        memmove(begin, begin + 1, (size_t)(--out - begin));
    }
    *in = p;
    return out;
}

/* In the guest's part of a string, behind "--", an argument keeps its quotes: Linux
 * takes them off, as it does from GRUB's own `linux` command. */
HV_INIT static void undo_quoting(char *text)
{
    const char *in = text;
    char *out = text;
    bool of_guest = false;

    while (*in != '\0') {
        struct span done = {out, 0}, word;

        if (*in == ' ') {
            *out++ = *in++;
            continue;
        }
        out = undo_argument(&in, out, of_guest);
        done.n = (uint32_t)(out - done.p);
        while (span_word(&done, &word))
            of_guest = of_guest || span_is(word, "--");
    }
    *out = '\0';
}

HV_INIT void boot_info_loader_name(struct boot_info *bi, const char *name, uint32_t len)
{
    static const char grub[] = "GRUB ";

    if (len >= sizeof(grub) - 1 && memcmp(name, grub, sizeof(grub) - 1) == 0)
        bi->grub_quotes = true;
}

HV_INIT void boot_info_undo_quoting(struct boot_info *bi)
{
    uint32_t n;

    if (!bi->grub_quotes)
        return;
    undo_quoting(bi->cmdline);
    for (char *s = bi->strings; s < bi->strings + bi->strings_used; s += n + 1) {
        n = (uint32_t)strlen(s);
        undo_quoting(s);
    }
}
