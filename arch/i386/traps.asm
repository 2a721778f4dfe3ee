; SPDX-License-Identifier: MIT
; Traps taken with the host IDT: 256 stubs that complete struct trap_frame
; (arch/regs.h) and call C, the task of #DF, and what C cannot say.
; DS and ES may still be a guest's when an NMI comes between the switcher's
; LIDT and its segment loads; they are put back as they were. FS and GS are
; never used by the monitor, so they are recorded and left alone.

%include "asm_offsets.inc"

bits 32
cpu 686

extern trap_host, trap_double_fault

NMI_STACK_TOP equ LAYOUT_NMI_STACK + LAYOUT_NMI_STACK_PAGES * 4096

section .text progbits alloc exec nowrite align=16

; ---- the stubs: each 16 bytes, so that idt.c can compute their addresses ----

%macro stub 1
    align 16
%if %1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17 || %1 == 21
%else
    push dword 0                ; no error code from the CPU
%endif
    push dword %1
%if %1 == 2 || %1 == 18
    jmp trap_any_stack
%else
    jmp near trap_common
%endif
%endmacro

align 16
global trap_stubs
trap_stubs:
%assign vector 0
%rep 256
    stub vector
%assign vector vector + 1
%endrep
.end:

%macro save_frame 0
    pushad
    push ds
    push es
    push fs
    push gs
    cld
    mov eax, SEL_HOST_DS
    mov ds, eax
    mov es, eax
%endmacro

%macro restore_frame 0
    add esp, 8                  ; gs, fs
    pop es
    pop ds
    popad
    add esp, 8                  ; trapnum, errcode
%endmacro

; In: vector and error code on the stack of whoever was interrupted
; Out: IRET to there (or to a fix-up).  IF: off throughout
global trap_common:function (trap_common.end - trap_common)
trap_common:
    save_frame
    mov ebp, esp                ; keeps the frame across the call
    push esp
    call trap_host
    mov esp, ebp
    restore_frame
    iretd
.end:

; NMI and #MC may come while ESP is in the switcher's regs page or nearly at
; the end of a stack: they run on a stack of their own. One inside the other
; (a #MC in an NMI) goes on where ESP is.
global trap_any_stack:function (trap_any_stack.end - trap_any_stack)
trap_any_stack:
    save_frame
    mov ebp, esp
    mov eax, esp
    sub eax, LAYOUT_NMI_STACK
    cmp eax, LAYOUT_NMI_STACK_PAGES * 4096
    jb .stay
    cmp ebp, LAYOUT_PERCPU      ; before paging there is only the boot stack
    jb .stay
    mov esp, NMI_STACK_TOP
.stay:
    push ebp
    call trap_host
    mov esp, ebp
    restore_frame
    iretd
.end:

; The task that the host IDT's task gate for #DF starts. The CPU has pushed an
; error code (0); the interrupted state is in the main TSS.
global trap_df_entry:function (trap_df_entry.end - trap_df_entry)
trap_df_entry:
    cld
    xor ebp, ebp
    call trap_double_fault      ; does not return
    ud2
.end:

; void cpu_call_on_stack(uintptr_t top, void (*fn)(void))   HV_ASMCALL
; Does not return.
global cpu_call_on_stack:function (cpu_call_on_stack.end - cpu_call_on_stack)
cpu_call_on_stack:
    mov eax, [esp + 8]
    mov esp, [esp + 4]
    xor ebp, ebp
    push ebp
    jmp eax
.end:

; void cpu_switch_stack(uint32_t *from, uint32_t to)   HV_ASMCALL
; Returns on the other stack, to whoever left that one here.
global cpu_switch_stack:function (cpu_switch_stack.end - cpu_switch_stack)
cpu_switch_stack:
    mov eax, [esp + 4]
    mov edx, [esp + 8]
    push ebp
    push ebx
    push esi
    push edi
    mov [eax], esp
    mov esp, edx
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret
.end:

; void cpu_nmi_unblock(void)   HV_ASMCALL
; IRET is what ends the blocking of NMIs (SDM 3A 6.7.1).
global cpu_nmi_unblock:function (cpu_nmi_unblock.end - cpu_nmi_unblock)
cpu_nmi_unblock:
    pushfd
    push dword SEL_HOST_CS
    push dword .after
    iretd
.after:
    ret
.end:

section .rodata progbits alloc noexec nowrite align=4
global trap_stub_bytes
trap_stub_bytes: dd 16
