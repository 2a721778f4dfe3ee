; SPDX-License-Identifier: MIT
; From the firmware's mode to the entry state of multiboot2 (section 3.2): 32-bit
; protected mode, paging off, flat segments, EAX the magic, EBX the information.
; Only then is the monitor copied to where it belongs, because the firmware's
; tables, stack and page tables may lie there, and this loader as well. The code is
; copied to a page of its own below 4 GiB, which paging maps one to one (UEFI 2.10,
; section 2.3.4), and uses no address but that of the page.

MB2_MAGIC   equ 0x36d76289
SEL_CODE    equ 8
SEL_DATA    equ 16
STACK_TOP   equ 4096            ; the page's end

CR0_PE_ET   equ 0x00000011
CR0_PG      equ 1 << 31
CR4_PSE     equ 1 << 4
CR4_PAE     equ 1 << 5
CR4_LA57    equ 1 << 12
MSR_EFER    equ 0xc0000080

COPY_BYTES  equ 16              ; struct handover_copy
COPIES_MAX  equ 16

%define AT(label) ((label) - handover_start)

%ifidn __OUTPUT_FORMAT__, elf64
%define WIDE 1
%else
%define WIDE 0
%endif

section .text

global handover_start, handover_data, handover_end

; In: the page's address in RDI (x64) or on the stack (ia32). Boot services have
; ended; paging is on or (ia32) off. Does not return.
handover_start:
%if WIDE
bits 64
    endbr64                     ; the call is an indirect one
    cli
    cld
    mov ebx, edi
    ; CET must be off before the far return and before WP, PCID before paging (SDM
    ; 3A 2.5). What the page tables in use need stays: PAE, 57-bit addresses.
    mov rax, cr4
    and eax, CR4_PAE | CR4_LA57
    mov cr4, rax
    lea eax, [rbx + AT(gdt)]
    mov [rbx + AT(gdt_ptr) + 2], rax
    lgdt [rbx + AT(gdt_ptr)]
    lidt [rbx + AT(idt_ptr)]
    lea rsp, [rbx + STACK_TOP]
    push SEL_CODE
    lea eax, [rbx + AT(narrow)]
    push rax
    retfq
%else
bits 32
    endbr32
    cli
    cld
    mov ebx, [esp + 4]
    mov eax, cr4                ; as above; or 4 MiB pages, or PAE
    and eax, CR4_PSE | CR4_PAE
    mov cr4, eax
    lea eax, [ebx + AT(gdt)]
    mov [ebx + AT(gdt_ptr) + 2], eax
    lgdt [ebx + AT(gdt_ptr)]
    lidt [ebx + AT(idt_ptr)]
    lea esp, [ebx + STACK_TOP]
    push SEL_CODE
    lea eax, [ebx + AT(narrow)]
    push eax
    retf
%endif

bits 32
narrow:                         ; on x64: compatibility mode, paging still on
    mov eax, SEL_DATA
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    lea esp, [ebx + STACK_TOP]

    mov eax, cr0
    and eax, ~CR0_PG & 0xffffffff
    mov cr0, eax
%if WIDE
    xor eax, eax                ; LME, NXE, SCE: a 64-bit CPU has the register
    xor edx, edx
    mov ecx, MSR_EFER
    wrmsr
%endif
    xor eax, eax
    mov cr4, eax
    mov cr3, eax
    mov eax, CR0_PE_ET
    mov cr0, eax

    mov edx, [ebx + AT(handover_data) + 8]
    lea ebp, [ebx + AT(handover_data) + 12]
.copy:
    test edx, edx
    jz .enter
    mov edi, [ebp]
    mov esi, [ebp + 4]
    mov ecx, [ebp + 8]
    rep movsb
    mov ecx, [ebp + 12]
    xor eax, eax
    rep stosb
    add ebp, COPY_BYTES
    dec edx
    jmp .copy
.enter:
    mov ecx, [ebx + AT(handover_data) + 4]
    mov ebx, [ebx + AT(handover_data)]
    mov eax, MB2_MAGIC
    jmp ecx

align 8, db 0
gdt:
    dq 0
    dq 0x00cf9b000000ffff       ; SEL_CODE: flat, 32 bits
    dq 0x00cf93000000ffff       ; SEL_DATA: flat
gdt_ptr:
    dw gdt_ptr - gdt - 1
    dq 0
idt_ptr:                        ; empty: no handler of the firmware's runs here
    dw 0
    dq 0
align 4, db 0
handover_data:
    times 12 + COPIES_MAX * COPY_BYTES db 0
handover_end:

%if handover_end - handover_start > 2048
%error "code and data leave no room for the stack"
%endif
