; SPDX-License-Identifier: MIT
; Code that turns the virtual interrupt flag off and on in every way there is.
; While vif_critical is not 0 no interrupt may come: the word changes only with
; the flag off.

extern lguest_data
extern lguest_noirq_start

global vif_kernel
global vif_kernel_end
global vif_interrupt_gate
global vif_interrupt_gate_end
global vif_trap_gate
global vif_user_start
global vif_user_end
global vif_critical
global vif_delay

%define IRQ_ENABLED (lguest_data + 0x00)
%define IRQ_PENDING (lguest_data + 0x14)

section .bss
        alignb  4
vif_critical:
        resd    1

section .text

%macro CHECK_PENDING 0
        cmp     dword [IRQ_PENDING], 0
        je      %%none
        mov     eax, 19
        int     0x1f
%%none:
%endmacro

; void vif_kernel(void): virtual interrupts on before and after.
vif_kernel:
        push    ebx
        mov     dword [IRQ_ENABLED], 0          ; cli
        inc     dword [vif_critical]
        nop
        nop
        dec     dword [vif_critical]
        mov     dword [IRQ_ENABLED], 0x200      ; sti
        CHECK_PENDING
        nop
        int3                                    ; interrupt gate
        nop
        int     0x80                            ; as the case says
        nop
        push    dword [IRQ_ENABLED]             ; pushf; cli
        mov     dword [IRQ_ENABLED], 0
        inc     dword [vif_critical]
        int3                                    ; with the flag off
        dec     dword [vif_critical]
        pop     eax                             ; popf
        mov     [IRQ_ENABLED], eax
        CHECK_PENDING
        nop
        in      al, 0x80                        ; an emulated instruction
        nop
        pop     ebx
        ret
vif_kernel_end:

; void vif_delay(uint32_t n): n instructions more, at most 64. The timer's own
; steps are coarser than one instruction.
vif_delay:
        mov     eax, vif_delay.end
        sub     eax, [esp + 4]
        jmp     eax
        times   64 nop
.end:
        ret

; Through an interrupt gate: the flag is off until the iret sequence.
vif_interrupt_gate:
        inc     dword [ss:vif_critical]
        nop
        nop
        dec     dword [ss:vif_critical]
        push    dword [esp + 8]
        jmp     lguest_noirq_start
vif_interrupt_gate_end:

; Through a trap gate: the flag stays as it is.
vif_trap_gate:
        nop
        nop
        iretd

vif_user_start:
        mov     ecx, 3
.again:
        nop
        int     0x80
        nop
        dec     ecx
        jnz     .again
        ud2
vif_user_end:
