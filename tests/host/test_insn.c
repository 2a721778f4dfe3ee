/* SPDX-License-Identifier: MIT */
/* The decoder of emulated instructions (ABI 5.5, PI-02): every opcode with no
 * prefix, with each prefix and with prefixes up to and beyond 15 bytes, against
 * a second, slower description of the same instructions. */
#include "test.h"

#include "hv/insn.h"

static struct insn decode(const char *hex)
{
    uint8_t b[64];
    uint32_t n = 0;
    unsigned v;
    int used;

    while (sscanf(hex, "%2x%n", &v, &used) == 1) {
        b[n++] = (uint8_t)v;
        hex += used;
        while (*hex == ' ')
            hex++;
    }
    /* Exactly n bytes: the sanitizer sees a read past them. */
    uint8_t *copy = malloc(n ? n : 1);

    memcpy(copy, b, n);
    struct insn x = insn_decode(copy, n);

    free(copy);
    return x;
}

static void expect_port(const char *hex, enum insn_op op, uint32_t len,
                        uint32_t width)
{
    struct insn x = decode(hex);

    if (x.op != op || x.len != len || x.width != width)
        printf("%s: op %d len %u width %u\n", hex, x.op, x.len, x.width);
    EXPECT_EQ(x.op, op);
    EXPECT_EQ(x.len, len);
    EXPECT_EQ(x.width, width);
}

static void expect_plain(const char *hex, enum insn_op op, uint32_t len)
{
    expect_port(hex, op, len, 0);
}

TEST(plain_forms)
{
    expect_plain("fa", INSN_CLI, 1);
    expect_plain("fb", INSN_STI, 1);
    expect_plain("f4", INSN_HLT, 1);
    expect_plain("0f 32", INSN_RDMSR, 2);
    expect_plain("0f 30", INSN_WRMSR, 2);
    expect_plain("0f 01 c1", INSN_VMCALL, 3);
    expect_port("e4 70", INSN_IN, 2, 1);
    expect_port("e5 70", INSN_IN, 2, 4);
    expect_port("e6 70", INSN_OUT, 2, 1);
    expect_port("e7 70", INSN_OUT, 2, 4);
    expect_port("ec", INSN_IN, 1, 1);
    expect_port("ed", INSN_IN, 1, 4);
    expect_port("ee", INSN_OUT, 1, 1);
    expect_port("ef", INSN_OUT, 1, 4);
    expect_port("6c", INSN_INS, 1, 1);
    expect_port("6d", INSN_INS, 1, 4);
    expect_port("6e", INSN_OUTS, 1, 1);
    expect_port("6f", INSN_OUTS, 1, 4);
}

TEST(operand_size_prefix_halves_the_wide_forms_only)
{
    expect_port("66 ed", INSN_IN, 2, 2);
    expect_port("66 ec", INSN_IN, 2, 1);
    expect_port("66 e5 12", INSN_IN, 3, 2);
    expect_port("66 ef", INSN_OUT, 2, 2);
    expect_port("66 6d", INSN_INS, 2, 2);
    expect_port("66 66 ed", INSN_IN, 3, 2);
}

TEST(port_operand)
{
    EXPECT(decode("e4 80").imm_port);
    EXPECT_EQ(decode("e4 80").port, 0x80);
    EXPECT_EQ(decode("66 e7 ff").port, 0xff);
    EXPECT(!decode("ec").imm_port);
    EXPECT_EQ(decode("ec").port, 0);
}

TEST(rep_and_address_size_matter_to_string_forms_only)
{
    EXPECT(decode("f3 6c").rep);
    EXPECT(decode("f2 6e").rep);
    EXPECT(!decode("6c").rep);
    EXPECT(decode("67 6d").addr16);
    EXPECT(decode("67 f3 66 6d").addr16);
    EXPECT(!decode("f3 ec").rep);
    EXPECT(!decode("67 ec").addr16);
    expect_port("f3 ec", INSN_IN, 2, 1);
}

TEST(lock_makes_it_unknown)
{
    static const char *const bytes[] = {
        "f0 fa", "f0 ec", "66 f0 ed", "f0 66 ed", "f0 0f 32", "f0 6c", "f0 f4",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bytes); i++)
        expect_plain(bytes[i], INSN_UNKNOWN, 0);
}

TEST(vmcall_only_in_its_plain_form)
{
    expect_plain("66 0f 01 c1", INSN_UNKNOWN, 0);
    expect_plain("f3 0f 01 c1", INSN_UNKNOWN, 0);
    expect_plain("0f 01 c0", INSN_UNKNOWN, 0);
    expect_plain("0f 01 d1", INSN_UNKNOWN, 0); /* xsetbv */
}

TEST(of_the_control_registers_only_cr0_and_cr4_are_read)
{
    for (uint32_t modrm = 0; modrm < 256; modrm++) {
        const uint8_t b[3] = {0x0f, 0x20, (uint8_t)modrm};
        uint32_t cr = modrm >> 3 & 7;
        bool ours = cr == 0 || cr == 4;
        struct insn x = insn_decode(b, 3);

        EXPECT_EQ(x.op, !ours ? INSN_UNKNOWN : cr ? INSN_READ_CR4 : INSN_READ_CR0);
        EXPECT_EQ(x.len, ours ? 3 : 0);
        EXPECT_EQ(x.reg, ours ? modrm & 7 : 0);
    }
    expect_plain("66 0f 20 c0", INSN_READ_CR0, 4);
    expect_plain("0f 22 c0", INSN_UNKNOWN, 0);
    expect_plain("f0 0f 20 c0", INSN_UNKNOWN, 0);
    expect_plain("66 0f 20 e0", INSN_READ_CR4, 4);
    expect_plain("0f 22 e0", INSN_UNKNOWN, 0);
    expect_plain("f0 0f 20 e0", INSN_UNKNOWN, 0);
}

TEST(debug_registers_are_moved_by_any_register)
{
    for (uint32_t modrm = 0; modrm < 256; modrm++) {
        for (uint32_t write = 0; write < 2; write++) {
            const uint8_t b[3] = {0x0f, write ? 0x23 : 0x21, (uint8_t)modrm};
            struct insn x = insn_decode(b, 3);

            EXPECT_EQ(x.op, write ? INSN_WRITE_DR : INSN_READ_DR);
            EXPECT_EQ(x.len, 3);
            EXPECT_EQ(x.reg, modrm & 7);
            EXPECT_EQ(x.dr, modrm >> 3 & 7);
        }
    }
    expect_plain("66 0f 21 f0", INSN_READ_DR, 4);
    expect_plain("f0 0f 23 f8", INSN_UNKNOWN, 0);
}

TEST(the_hypercall_is_known_in_its_plain_form)
{
    expect_plain("cd 1f", INSN_HCALL, 2);
    expect_plain("cd 80", INSN_UNKNOWN, 0);
    expect_plain("66 cd 1f", INSN_UNKNOWN, 0);
}

/* What has to be known before the next page is looked at. */
TEST(an_instruction_that_goes_on_says_so_and_no_other_does)
{
    static const char *const goes_on[] = {
        "", "66", "66 67", "f2", "e4", "66 e7", "0f", "66 0f", "0f 01", "0f 20", "0f 21",
        "66 0f 23", "cd", "66 66 66 66 66 66 66 66 66 66 66 66 66 66",
    };
    static const char *const ends[] = {
        "f0", "cf", "0f 0b", "0f 22", "66 0f 01", "66 cd", "0f 06", "9d",
        "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66",
        "66 66 66 66 66 66 66 66 66 66 66 66 66 66 e4",
        "66 66 66 66 66 66 66 66 66 66 66 66 66 66 0f",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(goes_on); i++)
        EXPECT_EQ(decode(goes_on[i]).op, INSN_TRUNCATED);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(ends); i++)
        EXPECT_EQ(decode(ends[i]).op, INSN_UNKNOWN);
}

TEST(fifteen_bytes_are_the_limit)
{
    expect_port("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e ec", INSN_IN, 15, 1);
    expect_plain("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e ec",
                 INSN_UNKNOWN, 0);
    expect_port("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e e4 99", INSN_IN, 15, 1);
    expect_plain("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e e4 99",
                 INSN_UNKNOWN, 0);
    expect_plain("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 0f 32", INSN_RDMSR, 15);
    expect_plain("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 0f 32",
                 INSN_UNKNOWN, 0);
}

/* ---- the second description ---- */

static bool model_is_prefix(uint8_t b)
{
    return memchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf2\xf3", b, 10) != NULL;
}

static struct insn model(const uint8_t *b, uint32_t n)
{
    struct insn none = {0}, x = {0};
    uint32_t i = 0;
    bool wide, has66, has67, hasrep;
    uint8_t op;

    n = n > 15 ? 15 : n;
    while (i < n && model_is_prefix(b[i]))
        i++;
    has66 = memchr(b, 0x66, i) != NULL;
    has67 = memchr(b, 0x67, i) != NULL;
    hasrep = memchr(b, 0xf2, i) || memchr(b, 0xf3, i);
    if (i >= n)
        return none;
    op = b[i++];
    wide = (op & 1) != 0;
    if (op == 0xf4 || op == 0xfa || op == 0xfb) {
        x.op = op == 0xf4 ? INSN_HLT : op == 0xfa ? INSN_CLI : INSN_STI;
    } else if ((op & 0xfc) == 0x6c) {
        x.op = op & 2 ? INSN_OUTS : INSN_INS;
        x.rep = hasrep;
        x.addr16 = has67;
        x.width = wide ? (has66 ? 2 : 4) : 1;
    } else if ((op & 0xf4) == 0xe4) { /* e4-e7, ec-ef */
        x.op = op & 2 ? INSN_OUT : INSN_IN;
        x.width = wide ? (has66 ? 2 : 4) : 1;
        if (!(op & 8)) {
            if (i >= n)
                return none;
            x.imm_port = true;
            x.port = b[i++];
        }
    } else if (op == 0x0f && i < n) {
        op = b[i++];
        if (op == 0x30 || op == 0x32) {
            x.op = op == 0x30 ? INSN_WRMSR : INSN_RDMSR;
        } else if (op == 0x20 && i < n && (b[i] >> 3 & 3) == 0) {
            x.op = b[i] & 0x20 ? INSN_READ_CR4 : INSN_READ_CR0;
            x.reg = b[i++] & 7;
        } else if ((op | 2) == 0x23 && op & 1 && i < n) {
            x.op = op & 2 ? INSN_WRITE_DR : INSN_READ_DR;
            x.dr = b[i] >> 3 & 7;
            x.reg = b[i++] & 7;
        } else if (op == 1 && i == 2 && n > 2 && b[2] == 0xc1) {
            x.op = INSN_VMCALL;
            i++;
        } else {
            return none;
        }
    } else if (op == 0xcd && i == 1 && n > 1 && b[1] == 0x1f) {
        x.op = INSN_HCALL;
        i++;
    } else {
        return none;
    }
    x.len = (uint8_t)i;
    return x;
}

static void same(const uint8_t *b, uint32_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    struct insn x, m = model(b, n);

    memcpy(copy, b, n);
    x = insn_decode(copy, n);
    free(copy);
    if (x.op == INSN_TRUNCATED && n < INSN_MAX_BYTES)
        x.op = INSN_UNKNOWN; /* which of the two, the tests above say */
    if (x.op == m.op && x.dr == m.dr && x.len == m.len && x.width == m.width &&
        x.imm_port == m.imm_port && x.port == m.port && x.rep == m.rep &&
        x.addr16 == m.addr16 && x.reg == m.reg)
        return;
    for (uint32_t i = 0; i < n; i++)
        printf("%02x ", b[i]);
    printf("\n");
    EXPECT_EQ(x.op, m.op);
    EXPECT_EQ(x.len, m.len);
    EXPECT_EQ(x.width, m.width);
    EXPECT_EQ(x.reg, m.reg);
    test_abort();
}

TEST(all_three_byte_strings_agree_with_the_model)
{
    for (uint32_t v = 0; v < 0x1000000; v++) {
        uint8_t b[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

        /* Where the last byte cannot matter, two values of it will do. */
        if (b[2] > 1 && b[0] != 0x0f && !model_is_prefix(b[0]) && b[2] != 0xff)
            continue;
        same(b, 3);
    }
}

TEST(random_prefix_runs_agree_with_the_model)
{
    static const uint8_t likely[] = {
        0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3,
        0x0f, 0x01, 0xc1, 0x20, 0xe0, 0x30, 0x32, 0x6c, 0x6d, 0x6e, 0x6f, 0xe4, 0xe5,
        0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef, 0xf4, 0xfa, 0xfb, 0x90,
    };
    struct test_rng r = {1};

    for (uint32_t i = 0; i < 400000; i++) {
        uint32_t n = test_random_below(&r, 21);
        uint8_t b[20];

        for (uint32_t k = 0; k < n; k++) {
            uint32_t pick = test_random_below(&r, 10);

            b[k] = pick == 0 ? (uint8_t)test_random(&r)
                   : pick < 7 ? likely[test_random_below(&r, 10)]
                              : likely[test_random_below(&r, sizeof(likely))];
        }
        same(b, n);
    }
}
