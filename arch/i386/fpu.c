/* SPDX-License-Identifier: MIT */
/* Eager FPU/SSE switch (ABI 5.6, S23).  FXSAVE on some CPUs leaves FIP, FDP and
 * FOP alone when no exception is pending (AMD): the restore of a clean image
 * before the real one is what keeps one guest's pointers from the next. */
#include "arch/fpu.h"

#include "hv/string.h"

void fpu_init_image(uint8_t *image)
{
    memset(image, 0, FPU_IMAGE_BYTES);
    image[0] = 0x7f; /* FCW */
    image[1] = 0x03;
    image[24] = 0x80; /* MXCSR */
    image[25] = 0x1f;
}

void fpu_save(uint8_t *image)
{
    __asm__ volatile("fxsave (%0)" ::"r"(image) : "memory");
}

void fpu_restore(const uint8_t *image)
{
    /* Empty the stack and load a harmless value, so that FXRSTOR of an image
     * without a pending exception leaves no earlier FIP/FDP/FOP behind. */
    static const int zero = 0;

    __asm__ volatile("fnclex; ffree %%st(7); fildl %0" ::"m"(zero));
    __asm__ volatile("fxrstor (%0)" ::"r"(image) : "memory");
}
