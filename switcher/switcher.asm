; SPDX-License-Identifier: MIT
; The world switch: the only code that is mapped in both worlds.
;
; One page, at SW_TEXT in the host's and in every guest's address space. It is
; linked elsewhere and runs here, so it uses relative jumps and the fixed
; addresses of the switcher area and has no relocation.
;
; What must stay true at every instruction where an NMI can strike:
;   * ESP points into memory that the CR3 in force maps writable: the monitor's
;     stack (host view) or the regs page (both views);
;   * while the host IDT is loaded, ESP is the monitor's stack;
;   * SS is SEL_HOST_DS.
; Hence the order of the steps in both directions (docs/architecture.md).
;
; What must stay true of a guest's breakpoints: its addresses are the monitor's own
; in the host view, so DR7 is the guest's only while the guest's IDT is loaded and
; nothing below the switcher's own addresses is fetched or touched; those are never
; armed (arch/i386/debugreg.c).

%include "asm_offsets.inc"

%define PRIV(f) (SW_PRIVATE + SWITCHER_PRIVATE_%+f)
%define REGS_FRAME (SW_REGS_TOP - GUEST_REGS_SIZE)
%define AT(label) (SW_TEXT + ((label) - switcher_text_start))

switcher_runs_at equ SW_TEXT            ; for link.ld

section .switcher progbits alloc exec nowrite align=4096

global switcher_text_start
global switcher_text_end
global switcher_stubs
global switcher_enter_code:function (to_host.end - switcher_enter_code)
global switcher_enter_armed
global switcher_runs_at
global switcher_iret
global switcher_pop_gs
switcher_text_start:

; The stubs of the guest-view IDT, SWITCHER_STUB_BYTES each, vector order.
; Vectors from 128 up arrive as a negative number (a 2-byte push).
%macro STUB 1
%%start:
%if %1 == 1
        jmp     near stub_db
%elif %1 == 2
        jmp     near stub_nmi
%elif %1 == 18
        jmp     near stub_mce
%elif %1 == 14
        jmp     near stub_pf
%elif %1 == 8
        jmp     near stub_df
%elif %1 >= 10 && %1 <= 13
        jmp     near stub_fault_ %+ %1
%elif %1 == 17
        push    byte 17                 ; the CPU pushed an error code
        jmp     near to_host
%else
        push    byte 0
%if %1 < 128
        push    byte %1
%else
        push    byte (%1 - 256)
%endif
        jmp     near to_host
%endif
        times (SWITCHER_STUB_BYTES - ($ - %%start)) nop
%endmacro

switcher_stubs:
%assign v 0
%rep 256
        STUB v
%assign v v+1
%endrep

; ---------------------------------------------------------------------------
; T:080 switcher_enter_code: monitor -> guest
; In:  EAX = guest CR3, regs page filled, interrupts off
; Out: returns when the guest has trapped; regs page holds its registers
; Keeps EBP only (switcher_enter() says so). Stack: 2 words. IF = 0 throughout.
switcher_enter_code:
        push    ebp
        mov     [PRIV(host_esp)], esp
        lidt    [PRIV(guest_idt_limit)]
.to_guest:
        mov     esp, REGS_FRAME         ; mapped in both views
        mov     cr3, eax                ; the guest view from here on
switcher_pop_gs:
        pop     gs                      ; each of these four may fault: the
switcher_pop_fs:
        pop     fs                      ; guest can take a descriptor away while
switcher_pop_es:
        pop     es                      ; a selector is loaded; the fix-up puts
switcher_pop_ds:
        pop     ds                      ; null into the slot and tries again
        popad
        lea     esp, [esp + 8]          ; trapnum, errcode
switcher_iret:
        iretd                           ; may fault on CS or SS: fault_in_switcher

; The same with the breakpoints of a guest that has some.
switcher_enter_armed:
        push    ebp
        mov     [PRIV(host_esp)], esp
        lidt    [PRIV(guest_idt_limit)]
        mov     edx, [PRIV(armed_dr7)]
        mov     dr7, edx
        jmp     short switcher_enter_code.to_guest

; ---------------------------------------------------------------------------
; T:090 to_host: guest -> monitor. Stack: regs page with trapnum, errcode pushed.
to_host:
        pushad
        push    ds
        push    es
        push    fs
        push    gs
        mov     eax, SEL_HOST_DS
        mov     ds, eax
        mov     es, eax
        mov     eax, [SW_STATE + STATE_HOST_CR3]
        mov     cr3, eax                ; the host view from here on
        cmp     dword [PRIV(armed_dr7)], 0
        jne     short .disarm
.disarmed:
        mov     esp, [PRIV(host_esp)]
        lidt    [PRIV(host_idt_limit)]
        cld                             ; DF is the guest's until here
        pop     ebp
        ret
.disarm:
        mov     eax, SW_DR7_NOTHING
        mov     dr7, eax
        jmp     short .disarmed
.end:

; ---------------------------------------------------------------------------
; Faults with an error code that ring 0 itself can take here: a segment
; register on the way in, or the final iret. Error codes have 16 bits; the vector
; goes above them.
;
; A frame of virtual-8086 mode has any number as its CS: no real CPU lets ring 1
; or 3 get there, but QEMU's iret does (up to 7.2 at least).
%define FRAME_VM 2                      ; EFLAGS.VM, in the third byte

%macro FAULT_STUB 1
stub_fault_%1:
        test    byte [esp + 8], 3       ; CS of whoever faulted
        jz      short .ring0
.guest:
        push    byte %1
        jmp     near to_host
.ring0:
        test    byte [esp + 14], FRAME_VM
        jnz     short .guest
        mov     byte [esp + 2], %1
        jmp     near fault_in_switcher
%endmacro

        FAULT_STUB 10
        FAULT_STUB 11
        FAULT_STUB 12
        FAULT_STUB 13

stub_pf:
        test    byte [esp + 8], 3
        jz      short .ring0
.guest:
        push    byte 14
        jmp     near to_host
.ring0:
        test    byte [esp + 14], FRAME_VM
        jnz     short .guest
        jmp     near fatal

; #DF in the guest view is always the monitor's mistake: the guest's own
; stacks are not used for any gate that leads here.
stub_df:
        test    byte [esp + 8], 3
        jz      short .ring0
.guest:
        push    byte 8
        jmp     near to_host
.ring0:
        test    byte [esp + 14], FRAME_VM
        jnz     short .guest
        jmp     near fatal

; Stack here: error code, EIP, CS, EFLAGS, then what ESP pointed to.
fault_in_switcher:
        cmp     dword [esp + 4], AT(switcher_pop_gs)
        je      .null_selector
        cmp     dword [esp + 4], AT(switcher_pop_fs)
        je      .null_selector
        cmp     dword [esp + 4], AT(switcher_pop_es)
        je      .null_selector
        cmp     dword [esp + 4], AT(switcher_pop_ds)
        je      .null_selector
        cmp     dword [esp + 4], AT(switcher_iret)
        jne     near fatal
        ; The guest's CS, SS or EIP is refused. All other registers are in the
        ; CPU again: leave with a frame as after a trap, its error code the fault's.
        pop     dword [esp + 8]         ; below the iret frame
        lea     esp, [esp + 8]
        push    dword ARCH_EXIT_BAD_IRET
        jmp     near to_host
.null_selector:
        lea     esp, [esp + 4]          ; the error code
        mov     dword [esp + 12], 0     ; the slot that POP will read again
        iretd

; ---------------------------------------------------------------------------
; #DB: from a guest an exit like any other. At ring 0 it can only be one that MOV SS
; or POP SS held back over the instruction that led here: noted for the guest, whose
; DR6 stays as the CPU left it, and not followed.
stub_db:
        test    byte [esp + 4], 3
        jz      short .in_switcher
.guest:
        push    byte 0
        push    byte 1
        jmp     near to_host
.in_switcher:
        test    byte [esp + 10], FRAME_VM
        jnz     short .guest
        mov     dword [ss:SW_LATE_DB], 1
        and     dword [esp + 8], ~0x100 ; TF
        iretd

; ---------------------------------------------------------------------------
; NMI and #MC. From a guest: an exit. Inside the switcher, in either view and
; with either stack: handled at once on a stack of its own, in the host view,
; and back to the same instruction with the same CR3 and IDT. NMIs stay
; blocked until the iretd, so one set of save slots is enough for each.
; %1 = vector, %2 = name, %3 = top of stack
%macro ASYNC_STUB 3
stub_%2:
        test    byte [esp + 4], 3
        jz      short .in_switcher
.guest:
        push    byte 0
        push    byte %1
        jmp     near to_host
.in_switcher:
        test    byte [esp + 10], FRAME_VM
        jnz     short .guest
        push    eax
        push    edx
        mov     edx, cr3
        mov     eax, [ss:SW_STATE + STATE_HOST_CR3]
        mov     cr3, eax
        mov     [ss:PRIV(%2_cr3)], edx
        mov     [ss:PRIV(%2_esp)], esp
        mov     edx, dr7                ; the guest's, or nothing
        mov     [ss:PRIV(%2_dr7)], edx
        mov     eax, SW_DR7_NOTHING
        mov     dr7, eax
        mov     esp, %3
        push    ds                      ; DS and ES may be the guest's; they were
        push    es                      ; loaded from the GDT as it is now
        push    ecx
        mov     eax, SEL_HOST_DS
        mov     ds, eax
        mov     es, eax
        sub     esp, 8
        sidt    [esp]                   ; whichever IDT was in force
        lidt    [PRIV(host_idt_limit)]
        cld
        inc     dword [PRIV(nmi_in_switcher)]
        call    [PRIV(%2_handler)]
        lidt    [esp]
        add     esp, 8
        pop     ecx
        pop     es
        pop     ds
        mov     esp, [ss:PRIV(%2_esp)]
        mov     eax, [ss:PRIV(%2_dr7)]
        mov     dr7, eax
        mov     eax, [ss:PRIV(%2_cr3)]
        mov     cr3, eax
        mov     edx, [esp]
        mov     eax, [esp + 4]
        mov     dword [esp], 0
        mov     dword [esp + 4], 0
        lea     esp, [esp + 8]
        iretd
%endmacro

        ASYNC_STUB 2, nmi, (LAYOUT_NMI_STACK + LAYOUT_NMI_STACK_PAGES * 4096)
        ASYNC_STUB 18, mce, (LAYOUT_NMI_STACK + 4096)

; ---------------------------------------------------------------------------
; A fault at ring 0 that nothing here can explain: into the monitor, which
; panics. In: ESP -> error code, EIP, CS, EFLAGS.
fatal:
        mov     ebx, esp
        mov     eax, [ss:SW_STATE + STATE_HOST_CR3]
        mov     cr3, eax
        mov     eax, SW_DR7_NOTHING
        mov     dr7, eax
        mov     esp, LAYOUT_NMI_STACK + LAYOUT_NMI_STACK_PAGES * 4096
        mov     eax, SEL_HOST_DS
        mov     ds, eax
        mov     es, eax
        lidt    [PRIV(host_idt_limit)]
        cld
        push    ebx
        call    [PRIV(fatal_handler)]
.hang:
        jmp     .hang
switcher_text_end:
