/* SPDX-License-Identifier: MIT */
/* The tables that this CPU uses: GDT, TSSes, host IDT. */
#pragma once

#include "hv/types.h"

/* Fills GDT, TSS and #DF TSS in the state and private pages of this CPU and
 * loads them. After switcher_map_init(). */
void desc_init(void);

/* Builds the host IDT and loads it. The boot GDT of entry.asm is good enough
 * for it: the selectors are the same. The second loads it on another CPU. */
void idt_init(void);
void idt_load(void);

/* From now on #DF is a task switch. Once, after the first desc_init(). */
void idt_use_df_task(void);

/* Where the host IDT lies (identity-mapped, read-only after boot). */
uint32_t idt_base(void);
uint32_t idt_limit(void);
