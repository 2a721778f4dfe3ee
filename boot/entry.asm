; SPDX-License-Identifier: MIT
; From the loader to C.  Three headers (multiboot2, multiboot1, PVH) lead to
; one path: clear .bss, load flat segments, refuse a CPU that lacks what the
; monitor is compiled for, call boot_main(magic, info) with paging off.
; Until the check is done nothing newer than a 386 is executed.

%include "asm_offsets.inc"

bits 32
cpu 386

MB1_MAGIC       equ 0x1badb002
MB1_FLAGS       equ 0x00000003  ; modules on page borders, memory map wanted
MB2_MAGIC       equ 0xe85250d6
PVH_START_MAGIC equ 0x336ec578  ; hvm_start_info; what boot_main is told

extern boot_main
extern hv_bss_start, hv_bss_end, hv_init_bss_start, hv_init_end

section .multiboot progbits alloc noexec nowrite align=8

mb2_header:
    dd MB2_MAGIC
    dd 0                        ; i386, protected mode
    dd mb2_header.end - mb2_header
    dd (0x100000000 - (MB2_MAGIC + (mb2_header.end - mb2_header))) & 0xffffffff
    align 8, db 0
.console:                       ; we can do without a screen; EGA text is known
    dw 4, 1
    dd 12
    dd 2
    align 8, db 0
.framebuffer:                   ; any size, if there is one: UEFI has no text
    dw 5, 1
    dd 20
    dd 0, 0, 32
    align 8, db 0
.modules:                       ; modules on page borders
    dw 6, 1
    dd 8
    align 8, db 0
.tag_end:                       ; tag 7 (keep boot services) must not be asked
    dw 0, 0                     ; for: x64 GRUB would enter us in long mode
    dd 8
.end:

align 4, db 0
mb1_header:
    dd MB1_MAGIC
    dd MB1_FLAGS
    dd (0x100000000 - (MB1_MAGIC + MB1_FLAGS)) & 0xffffffff

section .note.pvh note alloc noexec nowrite align=4
    dd .name_end - .name
    dd 4
    dd 18                       ; XEN_ELFNOTE_PHYS32_ENTRY
.name:
    db "Xen", 0
.name_end:
    dd pvh_start

section .init.text progbits alloc exec nowrite align=16

; In: EBX = hvm_start_info (PVH has no magic in a register)
global pvh_start:function (pvh_start.end - pvh_start)
pvh_start:
    mov eax, PVH_START_MAGIC
    jmp boot_start
.end:

; In: EAX = loader's magic, EBX = information structure
; Out: does not return.  Stack: the boot stack.  IF: off
global boot_start:function (boot_start.end - boot_start)
boot_start:
    cli
    cld
    mov esi, eax

    ; C counts on zeroed memory; so does the boot stack, which lies in it.
    xor eax, eax
    mov edi, hv_bss_start
    mov ecx, hv_bss_end
    sub ecx, edi
    shr ecx, 2
    rep stosd
    mov edi, hv_init_bss_start
    mov ecx, hv_init_end
    sub ecx, edi
    shr ecx, 2
    rep stosd
    mov esp, boot_stack_top

    ; The loader's GDT may be anywhere. Ours has the final selectors, so that
    ; the host IDT works from now on.
    lgdt [boot_gdt_ptr]
    jmp SEL_HOST_CS:.flat
.flat:
    mov eax, SEL_HOST_DS
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    push eax
    popfd                       ; NT, AC, IOPL: all clear

    push ebx                    ; info_pa
    push esi                    ; magic
    call check_cpu

    ; Firmware and GRUB on EFI leave write protection and CR4 bits behind. CR4
    ; exists: the CPU has PAE. It goes first, because with CR4.CET set clearing
    ; WP is a #GP (SDM 3A 2.5). Caches on, whatever the firmware thought.
    xor eax, eax
    mov cr4, eax
    mov eax, cr0
    and eax, 0x1fffffff & ~0x00010000 & ~0x0000000c
    mov cr0, eax
    xor ebp, ebp                ; end of every backtrace
    push ebp                    ; return address of boot_main: none
    jmp boot_main
.end:

; Returns if the CPU has CPUID, PAE (hidden or not), TSC, CX8, CMOV and FXSR;
; else says what is missing on every console and halts.
; Clobbers: EAX EBX ECX EDX ESI EDI
check_cpu:
    pushfd                      ; EFLAGS.ID can be changed: there is CPUID
    pop eax
    mov ecx, eax
    xor eax, 1 << 21
    push eax
    popfd
    pushfd
    pop eax
    push ecx
    popfd
    xor eax, ecx
    mov esi, text_cpuid
    test eax, 1 << 21
    jz cpu_refused
cpu 586
    xor eax, eax
    cpuid
    test eax, eax
    jz cpu_refused              ; no leaf 1
    mov edi, ebx                ; the maker's name: EBX, EDX, ECX
    mov esi, ecx
    mov eax, 1
    cpuid
cpu 386
    test edx, 1 << 6
    jnz .told
    call has_hidden_pae
    jne .told
    or edx, 1 << 6
.told:
    mov edi, needed
.next:
    mov eax, [edi]
    test eax, eax
    jz .done
    mov esi, [edi + 4]
    test edx, eax
    jz cpu_refused
    add edi, 8
    jmp .next
.done:
    ret

; Pentium M, Intel's family 6 models 9 and 13: some hide their PAE, but all have it.
; VIA's Nehemiah has the same numbers and none. It is tried, and a #GP tells that
; this one is no Pentium M.
; In: EAX = CPUID 1, EDI and ESI = first and last part of the maker's name
; Out: ZF = 1 if PAE can be used.  Clobbers: EAX EBX ECX ESI EDI
has_hidden_pae:
    cmp edi, "Genu"
    jne .end
    cmp esi, "ntel"
    jne .end
    and eax, 0x0fff3ff0         ; without type and stepping
    cmp eax, 0x690
    je .try
    cmp eax, 0x6d0
    jne .end
.try:
    mov esi, esp
    mov eax, .refused
    mov [boot_idt_gp], ax
    shr eax, 16
    mov [boot_idt_gp + 6], ax
    lidt [boot_idt_ptr]
    mov eax, cr4
    or al, 1 << 5
global has_hidden_pae.attempt:function (has_hidden_pae.refused - has_hidden_pae.attempt)
.attempt:
    mov cr4, eax
    mov eax, cr4
    not eax
    test al, 1 << 5
    ret
.refused:                       ; by the #GP, with its frame on the stack
    mov esp, esi
    or al, 1                    ; ZF = 0
.end:
    ret

; In: ESI = name of what is missing
cpu_refused:
    push esi
    call uart_setup
    mov edi, 0xb8000
    mov esi, text_before
    call puts
    pop esi
    call puts
    mov esi, text_after
    call puts
.halt:
    cli
    hlt
    jmp .halt

; 115200 baud, 8 bits, no parity, FIFO on.  Clobbers: EAX ECX EDX ESI
uart_setup:
    mov esi, uart_values
    mov ecx, (uart_values.end - uart_values) / 2
    mov edx, 0x3f8
.next:
    lodsw                       ; AL = register, AH = value
    mov dl, 0xf8
    add dl, al
    mov al, ah
    out dx, al
    loop .next
    ret

; In: ESI = text, EDI = next cell of the VGA screen.  Every wait is bounded: an
; absent UART reads all ones, a dead one runs into the count.
; Clobbers: EAX ECX EDX ESI; moves EDI on
puts:
    lodsb
    test al, al
    jz .end
    mov ah, 0x07
    cmp al, ' '
    jb .serial                  ; CR and LF are for the line only
    stosw
.serial:
    mov ah, al
    mov ecx, 100000
    mov edx, 0x3f8 + 5
.wait:
    in al, dx
    test al, 0x20
    jnz .ready
    dec ecx
    jnz .wait
.ready:
    mov al, ah
    mov edx, 0x3f8
    out dx, al
    out 0xe9, al                ; the debug console of QEMU and Bochs
    jmp puts
.end:
    ret

section .init.data progbits alloc noexec write align=8

boot_gdt:
    times GDT_HOST_CS dq 0
    dq 0x00cf9b000000ffff       ; SEL_HOST_CS: flat code
    dq 0x00cf93000000ffff       ; SEL_HOST_DS: flat data
boot_gdt_ptr:
    dw boot_gdt_ptr - boot_gdt - 1
    dd boot_gdt

boot_idt_ptr:
    dw 14 * 8 - 1
    dd boot_idt_gp - 13 * 8     ; only the gate of #GP is ever looked at
boot_idt_gp:
    dw 0, SEL_HOST_CS, 0x8e00, 0

uart_values: db 3, 0x80, 0, 1, 1, 0, 3, 3, 2, 1
.end:

; CPUID leaf 1, EDX
needed:
    dd 1 << 4, text_tsc
    dd 1 << 6, text_pae
    dd 1 << 8, text_cx8
    dd 1 << 15, text_cmov
    dd 1 << 24, text_fxsr
    dd 0, 0

text_before: db "(RS) this CPU has no ", 0
text_after:  db ", and Ringside needs CPUID, PAE, TSC, CX8, CMOV and FXSR:"
             db " halted", 13, 10, 0
text_cpuid:  db "CPUID", 0
text_tsc:    db "TSC", 0
text_pae:    db "PAE", 0
text_cx8:    db "CX8", 0
text_cmov:   db "CMOV", 0
text_fxsr:   db "FXSR", 0

section .bss..init nobits alloc noexec write align=4096

global boot_stack_bottom, boot_stack_top
boot_stack_bottom:
    resb 16384
boot_stack_top:
