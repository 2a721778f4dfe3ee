/* SPDX-License-Identifier: MIT */
/* Port input and output. Only drivers/ and arch/ may include this. On the host a
 * test has devices of its own behind it. */
#pragma once

#include "hv/types.h"

#ifdef HV_HOST_TEST
uint8_t io_in8(uint16_t port);
void io_out8(uint16_t port, uint8_t v);
#else
HV_INLINE uint8_t io_in8(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

HV_INLINE void io_out8(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
#endif

HV_INLINE uint16_t io_in16(uint16_t port)
{
    uint16_t v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

HV_INLINE uint32_t io_in32(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

/* n bytes to the same port, as fast as the device takes them. */
HV_INLINE void io_out8_some(uint16_t port, const uint8_t *bytes, uint32_t n)
{
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(n) : "d"(port) : "memory");
}

HV_INLINE void io_out16(uint16_t port, uint16_t v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

HV_INLINE void io_out32(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

/* About a microsecond on the ISA bus: a write to the POST code port. */
HV_INLINE void io_delay(void)
{
    io_out8(0x80, 0);
}
