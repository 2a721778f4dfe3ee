/* SPDX-License-Identifier: MIT */
/* A file whose every block is forced to the disk, and a look whether it is still
 * what was written: what a database does, and a journal for it. */
#include "sys.h"

#define BLOCKS 64u

#define SYS_OPEN 5
#define SYS_FSYNC 118
#define SYS_FDATASYNC 148

#define OPEN_READ 0u
#define OPEN_NEW 01102u /* read and write, create, truncate */

static uint32_t block[PAGE / 4];

static void fill(uint32_t n)
{
    for (uint32_t i = 0; i < PAGE / 4; i++)
        block[i] = (n * (PAGE / 4) + i) * 2654435761u;
}

const char *disk_write(const char *path)
{
    int32_t fd = sys3(SYS_OPEN, U(path), OPEN_NEW, 0644);

    if (fd < 0)
        return "open";
    for (uint32_t n = 0; n < BLOCKS; n++) {
        fill(n);
        if (sys3(SYS_WRITE, (uint32_t)fd, U(block), PAGE) != (int32_t)PAGE)
            return "write";
        if (sys3(n % 4 ? SYS_FSYNC : SYS_FDATASYNC, (uint32_t)fd, 0, 0) != 0)
            return n % 4 ? "fsync" : "fdatasync";
    }
    return sys3(SYS_CLOSE, (uint32_t)fd, 0, 0) == 0 ? NULL : "close";
}

const char *disk_check(const char *path)
{
    static uint32_t got[PAGE / 4];
    int32_t fd = sys3(SYS_OPEN, U(path), OPEN_READ, 0);

    if (fd < 0)
        return "open";
    for (uint32_t n = 0; n < BLOCKS; n++) {
        if (sys3(SYS_READ, (uint32_t)fd, U(got), PAGE) != (int32_t)PAGE)
            return "length";
        fill(n);
        for (uint32_t i = 0; i < PAGE / 4; i++) {
            if (got[i] != block[i])
                return "contents";
        }
    }
    sys3(SYS_CLOSE, (uint32_t)fd, 0, 0);
    return NULL;
}
