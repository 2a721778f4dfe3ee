; SPDX-License-Identifier: MIT
; Trap stubs for all vectors, the iret sequence, and entry and exit of code
; that trap_run() runs.
;
; Once paging is on, gates point into the kernel half (GUEST_PAGE_OFFSET), so
; this code then runs there: it is reached by relative jumps only, while data
; keeps its low address. The no-interrupt window has to lie in that half.

extern trap_dispatch
extern lguest_data
extern trap_run_irq_word
extern trap_run_iret

global trap_stubs
global lguest_noirq_start
global lguest_noirq_iret
global lguest_noirq_end
global trap_run_enter
global trap_run_leave
global trap_catch_call

%define IRQ_ENABLED (lguest_data + 0x00)
%define CR2_WORD (lguest_data + 0x08)
%define KERNEL_DS 0x69

; struct trap_frame
%define F_GS 0
%define F_FS 4
%define F_ES 8
%define F_DS 12
%define F_EDI 16
%define F_ESI 20
%define F_EBP 24
%define F_EBX 32
%define F_EDX 36
%define F_ECX 40
%define F_EAX 44
%define F_EIP 56
%define F_CS 60
%define F_EFLAGS 64
%define F_ESP 68
%define F_SS 72

section .text

; 16 bytes each, in vector order.
        align   16
trap_stubs:
%assign v 0
%rep 256
%if v == 8 || (v >= 10 && v <= 14) || v == 17
%else
        push    byte 0
%endif
        push    dword v
        jmp     near trap_common
        align   16
%assign v v+1
%endrep

; Stack: struct trap_frame from errcode up.
trap_common:
        pushad
        push    ds
        push    es
        push    fs
        push    gs
        mov     eax, KERNEL_DS
        mov     ds, eax
        mov     es, eax
        mov     ebx, esp
        pushfd                          ; as the trap left them
        cld
        push    dword [CR2_WORD]
        push    dword [IRQ_ENABLED]
        push    ebx
        call    trap_dispatch
        mov     esp, ebx
        pop     gs
        pop     fs
        pop     es
        pop     ds
        popad
        add     esp, 8                  ; vector, errcode

; iret with the virtual interrupt flag: irq_enabled becomes the EFLAGS image
; that iret will load. From the moment it is set until the iret is done no
; interrupt may come, else the frames of nested ones would pile up; the monitor
; knows the labels. SS: because DS may be the user's by now.
        push    dword [esp + 8]
lguest_noirq_start:
        pop     dword [ss:IRQ_ENABLED]
lguest_noirq_iret:
        iretd
lguest_noirq_end:

; void trap_run_enter(const struct trap_frame *f, uint32_t *saved_esp)
; Leaves the caller's registers on the stack and enters f->cs:f->eip by the iret
; sequence above, so that no interrupt comes before the code does.
trap_run_enter:
        push    ebx
        push    esi
        push    edi
        push    ebp
        pushfd
        mov     ebx, [esp + 24]
        mov     eax, [esp + 28]
        mov     [eax], esp
        test    byte [ebx + F_CS], 2
        jz      .ring1
        push    dword [ebx + F_SS]
        push    dword [ebx + F_ESP]
        jmp     .frame
.ring1:
        mov     esp, [ebx + F_ESP]
.frame:
        push    dword [ebx + F_EFLAGS]
        push    dword [ebx + F_CS]
        push    dword [ebx + F_EIP]
        mov     edi, [ebx + F_EDI]
        mov     esi, [ebx + F_ESI]
        mov     ebp, [ebx + F_EBP]
        mov     edx, [ebx + F_EDX]
        mov     ecx, [ebx + F_ECX]
        mov     eax, [ebx + F_EAX]
        mov     gs, [ebx + F_GS]
        mov     fs, [ebx + F_FS]
        mov     es, [ebx + F_ES]
        push    dword [ebx + F_EBX]
        mov     ds, [ebx + F_DS]
        pop     ebx
        push    dword [ss:trap_run_irq_word]
        push    dword [ss:trap_run_iret] ; lguest_noirq_start
        ret

; void trap_run_leave(uint32_t saved_esp, uint32_t result)
; Back to the caller of trap_run_enter or trap_catch_call, which returns result.
trap_run_leave:
        mov     eax, [esp + 8]
        mov     esp, [esp + 4]
        xor     ecx, ecx
        mov     gs, ecx
        mov     fs, ecx
        popfd
        pop     ebp
        pop     edi
        pop     esi
        pop     ebx
        ret

; uint32_t trap_catch_call(void (*fn)(uint32_t), uint32_t arg, uint32_t *saved_esp)
trap_catch_call:
        push    ebx
        push    esi
        push    edi
        push    ebp
        pushfd
        mov     eax, [esp + 32]
        mov     [eax], esp
        push    dword [esp + 28]        ; arg
        call    [esp + 28]              ; fn, one word further
        add     esp, 4
        mov     eax, 0xffffffff
        popfd
        pop     ebp
        pop     edi
        pop     esi
        pop     ebx
        ret
