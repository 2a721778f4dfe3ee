/* SPDX-License-Identifier: MIT */
/* Copying to and from a guest's pages, which have to be mapped.  Should one not be
 * (a defect of the monitor's), the fault is caught: the copy ends early. */
#include "hv/arch_if.h"

/* ECX holds what is left, in words or in bytes: trap_host() goes on at 3. */
bool arch_copy(void *dst, const void *src, uint32_t n)
{
    uint32_t left = n >> 2;

    __asm__ volatile("1: rep movsl\n"
                     "movl %3, %%ecx\n"
                     "2: rep movsb\n"
                     "3:\n"
                     ".pushsection .extable, \"a\"\n"
                     ".long 1b, 3b, 2b, 3b\n"
                     ".popsection"
                     : "+c"(left), "+D"(dst), "+S"(src)
                     : "r"(n & 3)
                     : "memory");
    return left == 0;
}
