; SPDX-License-Identifier: MIT
; The operations that are measured.  Each op_* returns the RDTSC difference
; around its operation; op_empty the same around nothing, which is subtracted.
; The instruction that triggers the operation, what loads its registers, and
; the handler are inside; nothing else is.

extern lguest_data
extern lguest_noirq_start

global op_empty
global op_null_hcall
global op_int3
global op_page_fault
global op_touch
global op_new_pgtable
global op_context_switch
global op_set_pte
global op_set_pte_ring
global op_self_interrupt
global op_in
global op_out
global op_cli_sti
global bench_int3_handler
global bench_pf_handler
global bench_irq_handler
global bench_trap_gate
global bench_interrupt_gate
global bench_user_start
global bench_user_end
global bench_seen
global bench_args

%define IRQ_ENABLED (lguest_data + 0x00)
%define IRQ_PENDING (lguest_data + 0x14)
%define HCALLS (lguest_data + 0x58)
%define STATUS (lguest_data + 0x18)
%define SLOT 20

%define ARG(n) (bench_args + 4 * (n))

section .bss
        alignb  4
bench_seen:                             ; handlers count here
        resd    1
bench_args:                             ; what C prepared
        resd    8

section .text

%macro BEGIN 0
        push    ebx
        push    esi
        push    edi
%endmacro

%macro START 0
        rdtsc
        mov     edi, eax
%endmacro

%macro STOP 0
        rdtsc
        sub     eax, edi
        pop     edi
        pop     esi
        pop     ebx
        ret
%endmacro

op_empty:
        BEGIN
        START
        STOP

op_null_hcall:
        BEGIN
        START
        xor     eax, eax                ; FLUSH_ASYNC
        int     0x1f
        STOP

op_int3:
        BEGIN
        START
        int3
        STOP
bench_int3_handler:
        inc     dword [bench_seen]
        iretd

op_page_fault:                          ; reads an unmapped address
        BEGIN
        mov     ebx, [ARG(0)]
        START
        mov     eax, [ebx]              ; 2 bytes
        STOP
bench_pf_handler:
        add     esp, 4                  ; error code
        inc     dword [bench_seen]
        add     dword [esp], 2          ; over the instruction
        iretd

; Reads one word in each of ARG(1) pages from ARG(0) on.
op_touch:
        BEGIN
        mov     ebx, [ARG(0)]
        mov     ecx, [ARG(1)]
        START
.page:
        mov     eax, [ebx]
        add     ebx, 4096
        dec     ecx
        jnz     .page
        STOP

op_new_pgtable:
        BEGIN
        mov     ebx, [ARG(0)]
        START
        mov     eax, 4
        int     0x1f
        STOP

; Root, stack, three TLS descriptors and TS through the ring, then one call.
; ARG: 0 root, 1 ESP, 2 TLS, 3 first slot (address), 4 its status (address)
op_context_switch:
        BEGIN
        mov     ecx, [ARG(3)]
        mov     esi, [ARG(4)]
        START
        mov     eax, [ARG(0)]
        mov     dword [ecx], 4          ; NEW_PGTABLE
        mov     [ecx + 4], eax
        mov     byte [esi], 0
        mov     eax, [ARG(1)]
        mov     dword [ecx + SLOT], 7   ; SET_STACK
        mov     dword [ecx + SLOT + 4], 0x69
        mov     [ecx + SLOT + 8], eax
        mov     dword [ecx + SLOT + 12], 2
        mov     byte [esi + 1], 0
        mov     eax, [ARG(2)]
        mov     dword [ecx + 2 * SLOT], 16 ; LOAD_TLS
        mov     [ecx + 2 * SLOT + 4], eax
        mov     byte [esi + 2], 0
        mov     dword [ecx + 3 * SLOT], 8 ; TS
        mov     dword [ecx + 3 * SLOT + 4], 8
        mov     byte [esi + 3], 0
        xor     eax, eax                ; FLUSH_ASYNC
        int     0x1f
        STOP

; ARG: 0 root, 1 VA, 2 new entry, 3 address of the entry
op_set_pte:
        BEGIN
        push    ebp
        mov     ebx, [ARG(0)]
        mov     ecx, [ARG(1)]
        mov     ebp, [ARG(3)]
        xor     esi, esi                ; upper half of a PAE entry
        START
        mov     edx, [ARG(2)]
        mov     [ebp], edx
        mov     eax, 14
        int     0x1f
        rdtsc
        sub     eax, edi
        pop     ebp
        pop     edi
        pop     esi
        pop     ebx
        ret

; ARG: 0 root, 1 first VA, 2 first new entry, 3 address of the first entry,
; 4 first slot, 5 its status, 6 bytes of an entry. 32 entries, ascending.
op_set_pte_ring:
        BEGIN
        push    ebp
        mov     ecx, [ARG(1)]
        mov     esi, [ARG(3)]
        mov     ebx, [ARG(4)]
        mov     ebp, [ARG(5)]
        START
        mov     edx, [ARG(2)]
%rep 32
        mov     [esi], edx              ; the guest's own table
        mov     dword [ebx], 14
        mov     eax, [ARG(0)]
        mov     [ebx + 4], eax
        mov     [ebx + 8], ecx
        mov     [ebx + 12], edx
        mov     dword [ebx + 16], 0     ; upper half of a PAE entry
        mov     byte [ebp], 0
        add     esi, [ARG(6)]
        add     ebx, SLOT
        inc     ebp
        add     ecx, 4096
        add     edx, 4096
%endrep
        xor     eax, eax
        int     0x1f
        rdtsc
        sub     eax, edi
        pop     ebp
        pop     edi
        pop     esi
        pop     ebx
        ret

; sti with an interrupt pending.
op_self_interrupt:
        BEGIN
        START
        mov     dword [IRQ_ENABLED], 0x200
        cmp     dword [IRQ_PENDING], 0
        je      .none
        mov     eax, 19                 ; SEND_INTERRUPTS
        int     0x1f
.none:
        STOP
bench_irq_handler:
        inc     dword [bench_seen]
        push    dword [esp + 8]
        jmp     lguest_noirq_start      ; sets irq_enabled, iret

op_in:
        BEGIN
        START
        in      al, 0x80
        STOP

op_out:
        BEGIN
        START
        out     0x80, al
        STOP

op_cli_sti:
        BEGIN
        START
        mov     dword [IRQ_ENABLED], 0
        mov     dword [IRQ_ENABLED], 0x200
        cmp     dword [IRQ_PENDING], 0
        jne     .pending
        STOP
.pending:
        ud2

; ---- from ring 3 ----
; Handlers of the system-call vector. EBX belongs to the user program, which
; counts by it that its call arrived.
bench_trap_gate:
        inc     ebx
        iretd

bench_interrupt_gate:
        inc     ebx
        mov     dword [IRQ_ENABLED], 0x200
        cmp     dword [IRQ_PENDING], 0
        jne     .pending
        iretd
.pending:
        push    eax
        mov     eax, 19                 ; SEND_INTERRUPTS
        int     0x1f
        pop     eax
        iretd

; The user program, copied to a user page: ECX calls, the differences go to
; [ESI]; the first half of ECX is around nothing, then around int 0x80.
bench_user_start:
        mov     ebp, ecx
.empty:
        rdtsc
        mov     edi, eax
        rdtsc
        sub     eax, edi
        mov     [esi], eax
        add     esi, 4
        dec     ecx
        jnz     .empty
        mov     ecx, ebp
.call:
        rdtsc
        mov     edi, eax
        int     0x80
        rdtsc
        sub     eax, edi
        mov     [esi], eax
        add     esi, 4
        dec     ecx
        jnz     .call
        ud2
bench_user_end:
