; SPDX-License-Identifier: MIT
; First instruction of a guest.  The monitor enters here at ring 1 in linear
; mode (virtual == physical), CS 0x61, DS ES FS GS SS 0x69, ESP 0, ESI = physical
; address of boot_params, memory zero-filled, so .bss needs nothing.

extern guest_start
global _start

section .text.entry

_start:
        mov     esp, boot_stack.top
        xor     ebp, ebp                ; ends backtraces
        sub     esp, 12                 ; 16-byte aligned at the call, as C has it
        push    esi
        call    guest_start
.hang:
        jmp     .hang

section .bss

global boot_stack
        alignb  4096
boot_stack:
        resb    16384
.top:
