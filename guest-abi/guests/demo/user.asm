; SPDX-License-Identifier: MIT
; The demo's ring-3 program, copied to a user page: no relocations, EBX points
; to itself on entry. System calls go through int 0x80 straight to ring 1.

global demo_user_start
global demo_user_end

section .rodata

demo_user_start:
        mov     edi, ebx
        mov     esi, 3
.loop:
        mov     eax, 1                  ; write
        lea     ebx, [edi + (text - demo_user_start)]
        mov     ecx, text.end - text
        int     0x80
        dec     esi
        jnz     .loop
        mov     ecx, cs                 ; proof: the ring we are in
        and     ecx, 3
        mov     ebx, ecx
        mov     eax, 2                  ; exit
        int     0x80
        ud2
text:
        db      "  hello from ring 3", 10
.end:
demo_user_end:
