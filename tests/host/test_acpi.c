/* SPDX-License-Identifier: MIT */
/* ACPI tables that are good, then broken in one place each: the rest of the
 * machine is still read, and nothing behind a table's end is. */
#include "acpi_fixture.h"

#include "../../drivers/firmware/acpi_tables.h"

static void expect_all_but_s5(void)
{
    EXPECT(acpi_info.present && acpi_info.has_fadt && acpi_info.has_madt);
    EXPECT_EQ(acpi_info.smi_command, 0xb2);
    EXPECT_EQ(acpi_info.acpi_enable, 0xf1);
    EXPECT_EQ(acpi_info.pm1_event[0].address, 0x600);
    EXPECT_EQ(acpi_info.pm1_control[0].address, 0x604);
    EXPECT_EQ(acpi_info.pm1_control[0].space, ACPI_IO);
    EXPECT_EQ(acpi_info.pm1_control[1].address, 0);
    EXPECT_EQ(acpi_info.pm_timer.address, 0x608);
    EXPECT_EQ(acpi_info.nr_cpus, 3);
    EXPECT_EQ(acpi_info.cpu_apic_id[1], 3);
    EXPECT_EQ(acpi_info.cpu_apic_id[2], 512);
    EXPECT_EQ(acpi_info.nr_ioapics, 1);
    EXPECT_EQ(acpi_info.ioapic[0].base, 0xfec00000);
    EXPECT_EQ(acpi_info.ioapic[0].gsi_base, 24);
    EXPECT_EQ(acpi_info.isa[0].gsi, 2);
    EXPECT_EQ(acpi_info.isa[1].gsi, 1);
    EXPECT_EQ(acpi_info.isa[9].gsi, 20);
    EXPECT_EQ(acpi_info.isa[9].flags, 0x0d);
    EXPECT_EQ(acpi_info.hpet_base, 0xfed00000);
    EXPECT_EQ(acpi_info.nr_mcfg, 1);
    EXPECT_EQ(acpi_info.mcfg[0].base, 0xb0000000);
    EXPECT_EQ(acpi_info.mcfg[0].last_bus, 255);
}

static void expect_s5(void)
{
    EXPECT(acpi_info.has_s5);
    EXPECT_EQ(acpi_info.s5_type[0], 5);
    EXPECT_EQ(acpi_info.s5_type[1], 6);
}

TEST(acpi_all_tables_by_rsdt_and_xsdt)
{
    for (uint32_t revision = 0; revision <= 2; revision += 2) {
        put_all(revision);
        acpi_init();
        expect_all_but_s5();
        expect_s5();
        EXPECT_EQ(acpi_info.fadt_revision, revision ? 3 : 1);
    }
}

TEST(acpi_root_pointer_of_the_loader)
{
    put_all(2);
    memcpy(boot_info.acpi_rsdp, bios_area + (RSDP_AT - BIOS_AT), 36);
    boot_info.has_acpi_copy = true;
    memset(bios_area, 0, sizeof(bios_area));
    acpi_init();
    expect_all_but_s5();

    put_all(0);
    boot_info.rsdp = RSDP_AT;
    bios_area[RSDP_AT - BIOS_AT + 16] ^= 1; /* bad: told, and none is found */
    acpi_init();
    EXPECT(!acpi_info.present);
    EXPECT(fake_log_has("root pointer from the loader is damaged"));
}

/* In the EBDA, whose segment is at 0x40e, on a 16-byte border. */
TEST(acpi_root_pointer_in_the_ebda)
{
    static uint8_t bda[2] = {0xc0, 0x9f}, ebda[1024];

    put_all(0);
    memmove(ebda + 0x30, bios_area + (RSDP_AT - BIOS_AT), 20);
    memset(bios_area, 0, sizeof(bios_area));
    fake_phys_add(0x40e, bda, 2);
    fake_phys_add(0x9fc00, ebda, sizeof(ebda));
    bda[0] = 0xd0; /* would reach into video memory */
    acpi_init();
    EXPECT(!acpi_info.present);
    bda[0] = 0xc0;
    acpi_init();
    expect_all_but_s5();
}

/* The XSDT part is damaged: the RSDT is used. */
TEST(acpi_damaged_extension)
{
    put_all(2);
    bios_area[RSDP_AT - BIOS_AT + 24] ^= 4;
    acpi_init();
    expect_all_but_s5();
}

static void put_efi(bool is_64, uint8_t *systab, uint8_t *list)
{
    static const uint8_t guid[16] = {0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                                     0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};
    uint32_t entry = is_64 ? 24 : 20;

    memset(systab, 0x5a, 120); /* what lies behind a 32-bit table too */
    memcpy(systab, "IBI SYST", 8);
    set32(systab + (is_64 ? 104 : 64), 3);
    set32(systab + (is_64 ? 112 : 68), 0x80000);
    if (is_64)
        set32(systab + 116, 0);
    memset(list, 0x5a, 72);
    memcpy(list + 2 * entry, guid, 16);
    set32(list + 2 * entry + 16, 0x60000);
    if (is_64)
        set32(list + 2 * entry + 20, 0);
    fake_phys_add(0x70000, systab, is_64 ? 120 : 72);
    fake_phys_add(0x80000, list, 3 * entry);
    boot_info.efi_system_table = 0x70000;
    boot_info.efi_is_64 = is_64;
}

TEST(acpi_root_pointer_of_efi)
{
    for (int is_64 = 0; is_64 < 2; is_64++) {
        uint8_t systab[120], list[72], rsdp[36];

        put_all(2);
        put_efi(is_64, systab, list);
        memcpy(rsdp, bios_area + (RSDP_AT - BIOS_AT), sizeof(rsdp));
        memset(bios_area, 0, sizeof(bios_area));
        fake_phys_add(0x60000, rsdp, sizeof(rsdp));
        acpi_init();
        expect_all_but_s5();
        set32(systab + (is_64 ? 104 : 64), 0x10000001); /* tables */
        memset(&acpi_info, 0, sizeof(acpi_info));
        acpi_init();
        EXPECT(!acpi_info.present);
    }
}

/* One table is damaged: one line says so. The FADT and the DSDT are used all the
 * same, as power-off hangs on them; of the others it alone is missing. */
TEST(acpi_one_bad_sum)
{
    static const struct {
        uint32_t table, at;
        const char *name;
    } cases[] = {{T_FADT, 200, "FACP"}, {T_MADT, 9, "APIC"}, {T_HPET, 9, "HPET"},
                 {T_MCFG, 9, "MCFG"}, {T_DSDT, 9, "DSDT"}};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(cases); i++) {
        uint32_t t = cases[i].table;
        bool used = t == T_FADT || t == T_DSDT;

        put_all(2);
        tables[t][cases[i].at] ^= 0x10;
        fake_log_clear();
        acpi_init();
        EXPECT(fake_log_has(cases[i].name) && fake_log_has("wrong sum"));
        EXPECT_EQ(fake_log_has("used all the same"), used);
        EXPECT_EQ(fake_log_lines, 2);
        EXPECT(acpi_info.present);
        EXPECT(acpi_info.has_fadt);
        EXPECT_EQ(acpi_info.has_madt, t != T_MADT);
        EXPECT_EQ(acpi_info.hpet_base != 0, t != T_HPET);
        EXPECT_EQ(acpi_info.nr_mcfg, t != T_MCFG);
        expect_s5();
    }
}

/* One root table is damaged: the other one is used, whatever the damage. */
TEST(acpi_damaged_xsdt)
{
    static const uint32_t at[] = {0, 4, 9}; /* signature, length, sum */

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(at); i++) {
        put_all(2);
        tables[T_XSDT][at[i]] ^= 0x40;
        fake_log_clear();
        acpi_init();
        EXPECT(fake_log_has("table XSDT"));
        expect_all_but_s5();
        expect_s5();
    }
}

/* No root table has a right sum: what it leads to still counts, each by its own. */
TEST(acpi_roots_with_wrong_sums)
{
    for (uint32_t revision = 0; revision <= 2; revision += 2) {
        put_all(revision);
        tables[T_XSDT][9] ^= 1;
        tables[T_RSDT][9] ^= 1;
        fake_log_clear();
        acpi_init();
        EXPECT(fake_log_has("wrong sum, used all the same"));
        expect_all_but_s5();
        expect_s5();
    }
}

/* The XSDT is well-formed but its entries are not filled in. */
TEST(acpi_xsdt_that_leads_nowhere)
{
    put_all(2);
    memset(tables[T_XSDT] + 36, 0, table_bytes[T_XSDT] - 36);
    done(T_XSDT);
    acpi_init();
    expect_all_but_s5();
    expect_s5();
}

/* The 64-bit pointer to the DSDT leads to something else. */
TEST(acpi_two_pointers_to_the_dsdt)
{
    put_all(2);
    set64(tables[T_FADT] + 140, table_pa(T_MCFG));
    done(T_FADT);
    acpi_init();
    expect_s5();
}

TEST(acpi_lengths_that_lie)
{
    static const uint32_t lengths[] = {0, 8, 35, 0x100001, 0x7fffffff, 0xffffffff};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(lengths); i++) {
        put_all(2);
        set32(tables[T_MADT] + 4, lengths[i]);
        acpi_init();
        EXPECT(!acpi_info.has_madt && acpi_info.has_s5);
        put_all(2);
        set32(tables[T_XSDT] + 4, lengths[i]);
        set32(tables[T_RSDT] + 4, lengths[i]);
        acpi_init();
        EXPECT(!acpi_info.present);
    }
}

/* A length that reaches just behind what is mapped, or that is cut at every
 * byte with the sum made right. */
TEST(acpi_tables_cut_short)
{
    for (uint32_t t = T_FADT; t <= T_MCFG; t++) {
        put_all(2);
        for (uint32_t n = table_bytes[t]; n >= 36; n--) {
            uint8_t *cut = malloc(n);

            memcpy(cut, tables[t], n);
            free(tables[t]);
            tables[t] = cut;
            table_bytes[t] = n;
            set32(cut + 4, n);
            done(t);
            show_tables();
            memset(&acpi_info, 0, sizeof(acpi_info));
            acpi_init();
            EXPECT(acpi_info.present);
        }
    }
}

TEST(acpi_madt_entries_that_do_not_advance)
{
    for (uint32_t size = 0; size < 2; size++) {
        put_all(2);
        tables[T_MADT][44 + 8 + 1] = (uint8_t)size; /* the second CPU */
        done(T_MADT);
        acpi_init();
        EXPECT(acpi_info.has_madt);
        EXPECT_EQ(acpi_info.nr_cpus, 1);
    }
    put_all(2);
    tables[T_MADT][44 + 1] = 255;
    done(T_MADT);
    acpi_init();
    EXPECT_EQ(acpi_info.nr_cpus, 0);
}

TEST(acpi_more_cpus_than_fit)
{
    uint8_t *m;

    put_all(2);
    m = table(T_MADT, "APIC", 44 + 8 * 200);
    for (uint32_t i = 0; i < 200; i++) {
        m[44 + 8 * i + 1] = 8;
        m[44 + 8 * i + 3] = (uint8_t)i;
        m[44 + 8 * i + 4] = 1;
    }
    done(T_MADT);
    show_tables();
    acpi_init();
    EXPECT_EQ(acpi_info.nr_cpus, 200);
    EXPECT_EQ(acpi_info.cpu_apic_id[HV_CFG_MAX_CPUS - 1], HV_CFG_MAX_CPUS - 1);
}

/* Registers: the 64-bit form wins if it is filled in; a port that does not exist
 * and a kind of register that is not known count as none. */
TEST(acpi_fadt_registers)
{
    uint8_t *f;

    put_all(2);
    f = tables[T_FADT];
    set32(f + 112, FADT_RESET_REG | FADT_HW_REDUCED);
    put_gas(f + 116, 1, 0xcf9);
    f[128] = 6;
    put_gas(f + 172, 0, 0xfe000004);
    put_gas(f + 184, 1, 0xfffe);
    put_gas(f + 148, 5, 0x600);
    set64(f + 140, table_pa(T_SSDT));
    put_gas(f + 244, 1, 0x700);
    done(T_FADT);
    REQUIRE(acpi_parse_fadt(&acpi_info, f, table_bytes[T_FADT]));
    EXPECT_EQ(acpi_info.reset.address, 0xcf9);
    EXPECT_EQ(acpi_info.reset_value, 6);
    EXPECT_EQ(acpi_info.pm1_control[0].space, ACPI_MEMORY);
    EXPECT_EQ(acpi_info.pm1_control[0].address, 0xfe000004);
    EXPECT_EQ(acpi_info.pm1_control[1].address, 0);
    EXPECT_EQ(acpi_info.pm1_event[0].address, 0x600);
    EXPECT_EQ(acpi_info.pm1_event[0].space, ACPI_IO);
    EXPECT_EQ(acpi_info.dsdt[0], table_pa(T_SSDT));
    EXPECT_EQ(acpi_info.dsdt[1], table_pa(T_DSDT));
    EXPECT_EQ(acpi_info.sleep_control.address, 0x700);
    EXPECT_EQ(acpi_info.pm_timer.address, 0); /* hardware-reduced: none, whatever it says */

    set32(f + 112, 0); /* no reset register, whatever stands there */
    memset(&acpi_info, 0, sizeof(acpi_info));
    REQUIRE(acpi_parse_fadt(&acpi_info, f, table_bytes[T_FADT]));
    EXPECT_EQ(acpi_info.reset.address, 0);
    set32(f + 64, 0x10604);
    put_gas(f + 172, 0, 0);
    REQUIRE(acpi_parse_fadt(&acpi_info, f, table_bytes[T_FADT]));
    EXPECT_EQ(acpi_info.pm1_control[0].address, 0);
}

/* ---- \_S5 ---- */

static bool find(const void *aml, uint32_t n, uint8_t type[2])
{
    uint8_t *exact = malloc(n ? n : 1);
    bool found;

    memcpy(exact, aml, n);
    found = acpi_find_s5(exact, n, type);
    free(exact);
    return found;
}

#define S5(...) ((const uint8_t[]){0x08, '_', 'S', '5', '_', __VA_ARGS__})

#define EXPECT_S5(a, b, ...) \
    do { \
        uint8_t got[2] = {0xee, 0xee}; \
        EXPECT(find(S5(__VA_ARGS__), sizeof(S5(__VA_ARGS__)), got)); \
        EXPECT_EQ(got[0], a); \
        EXPECT_EQ(got[1], b); \
    } while (0)

#define EXPECT_NO_S5(...) \
    do { \
        uint8_t got[2]; \
        EXPECT(!find(S5(__VA_ARGS__), sizeof(S5(__VA_ARGS__)), got)); \
    } while (0)

TEST(acpi_s5_forms)
{
    static const uint8_t rooted[] = {0x08, '\\', '_', 'S', '5', '_', 0x12, 5, 2,
                                     0x0a, 3, 1};
    uint8_t type[2];

    EXPECT_S5(5, 0, 0x12, 4, 1, 0x0a, 5);
    EXPECT_S5(0, 1, 0x12, 4, 2, 0x00, 0x01);
    EXPECT_S5(7, 2, 0x12, 7, 2, 0x0b, 7, 0, 0x0a, 2);
    EXPECT_S5(4, 7, 0x12, 8, 2, 0x0c, 4, 0, 0, 0, 0xff);
    EXPECT_S5(5, 0, 0x12, 0x45, 0x00, 1, 0x0a, 5);       /* length in 2 bytes */
    EXPECT_S5(5, 0, 0x12, 0x86, 0x00, 0x00, 1, 0x0a, 5); /* in 3 */
    EXPECT(find(rooted, sizeof(rooted), type));
    EXPECT_EQ(type[0], 3);
    EXPECT_EQ(type[1], 1);
}

TEST(acpi_s5_broken)
{
    uint8_t type[2];

    EXPECT_NO_S5(0x12, 5, 1, 0x0a, 5);             /* longer than the table */
    EXPECT_NO_S5(0x12, 0xff, 0xff, 0xff, 0xff, 1, 0x0a, 5);
    EXPECT_NO_S5(0x12, 0, 1, 0x0a, 5);             /* shorter than its length */
    EXPECT_NO_S5(0x12, 0x41, 0x00, 1, 0x0a, 5);
    EXPECT_NO_S5(0x12, 4, 0, 0x0a, 5);             /* no element */
    EXPECT_NO_S5(0x12, 4, 2, 0x0a, 5);             /* the second is missing */
    EXPECT_NO_S5(0x12, 6, 1, 0x70, 5, 0, 0);       /* not a constant */
    EXPECT_NO_S5(0x13, 4, 1, 0x0a, 5);             /* not a package */
    EXPECT_NO_S5(0x12, 4, 1, 0x0c, 5);
    EXPECT(!find("_S5_\022\004\001\012\005", 9, type)); /* not defined, only named */
    EXPECT(!find("\\_S5_\022\004\001\012\005", 10, type));
    for (uint32_t n = 0; n < sizeof(s5_aml); n++)
        EXPECT_EQ(find(s5_aml, n, type), n >= 12 + 6 + 8);
}

/* A name that only looks like it does not hide the real one. */
TEST(acpi_s5_second_try_and_ssdt)
{
    static const uint8_t two[] = {0x08, '_', 'S', '5', '_', 0x70,
                                  0x08, '_', 'S', '5', '_', 0x12, 4, 1, 0x0a, 2};
    uint8_t type[2];

    EXPECT(find(two, sizeof(two), type));
    EXPECT_EQ(type[0], 2);
    put_all(2);
    put_aml(T_DSDT, "DSDT", s5_aml, 12);
    put_aml(T_SSDT, "SSDT", s5_aml, sizeof(s5_aml));
    show_tables();
    acpi_init();
    expect_s5();
}

/* Pointers to nowhere and to the table itself end. */
TEST(acpi_hostile_roots)
{
    uint8_t *x;

    put_all(2);
    x = table(T_XSDT, "XSDT", 36 + 8 * 1000);
    for (uint32_t i = 0; i < 1000; i++)
        set64(x + 36 + 8 * i, i % 3 == 0 ? 0 : i % 3 == 1 ? UINT64_MAX - i : table_pa(1));
    done(T_XSDT);
    set32(tables[T_RSDT] + 36, (uint32_t)table_pa(T_RSDT)); /* instead of the FADT */
    done(T_RSDT);
    show_tables();
    acpi_init();
    EXPECT(acpi_info.present && !acpi_info.has_fadt);
}
