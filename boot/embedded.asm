; SPDX-License-Identifier: MIT
; The guests inside the image: boot/embedded.c reads this table. Which ones is
; the Makefile's business (variable embedded-guests).

bits 32

section .guests progbits alloc noexec nowrite align=16

; embed NAME, PATH: one table entry {name, data, bytes} and the bytes
%macro embed 2
    [section .guests]
    align 16, db 0
%%data:
    incbin %2
%%end:
%%name:
    db %1, 0
    [section .rodata]
    dd %%name, %%data, %%end - %%data
%endmacro

section .rodata progbits alloc noexec nowrite align=4
global embedded_guests
embedded_guests:
%include "embedded.inc"
section .rodata
    dd 0, 0, 0                  ; no name, no image
