/* SPDX-License-Identifier: MIT */
/* ChaCha20 against the vectors of RFC 8439, the generator's key handling, and
 * the device. */
#include "test.h"

#include "fake_vdev.h"

#include "../../hv/vdev/vdev_priv.h"

#include <string.h>

#define RNG 1u /* behind net */
#define WRITE 2u

/* RFC 8439, 2.3.2. */
TEST(chacha20_block_matches_rfc_8439)
{
    static const uint8_t want[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f,
        0xa3, 0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03,
        0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46,
        0x07, 0x9f, 0xaa, 0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2,
        0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8,
        0xa2, 0x50, 0x3c, 0x4e,
    };
    const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0};
    uint8_t out[64];
    union {
        uint8_t bytes[32];
        uint32_t words[8];
    } key;

    for (uint32_t i = 0; i < 32; i++)
        key.bytes[i] = (uint8_t)i;
    chacha20_block(key.words, 1, nonce, out);
    EXPECT_EQ(memcmp(out, want, 64), 0);
}

/* RFC 8439, appendix A.1, vector 1: all zero. */
TEST(chacha20_block_matches_rfc_8439_zero_key)
{
    static const uint8_t want[16] = {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1,
                                     0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5,
                                     0x53, 0x86, 0xbd, 0x28};
    const uint32_t zero[8] = {0};
    uint8_t out[64];

    chacha20_block(zero, 0, zero, out);
    EXPECT_EQ(memcmp(out, want, 16), 0);
}

TEST(drbg_outputs_the_stream_behind_the_next_key)
{
    const uint32_t zero[3] = {0};
    uint8_t first[64], second[64], out[96];
    struct drbg d;

    fake_reset();
    drbg_init(&d);
    chacha20_block(d.key, 0, zero, first);
    chacha20_block(d.key, 1, zero, second);
    drbg_bytes(&d, out, 96);
    EXPECT_EQ(memcmp(out, first + 32, 32), 0);
    EXPECT_EQ(memcmp(out + 32, second, 64), 0);
    EXPECT_EQ(memcmp(d.key, first, 32), 0); /* the old key is gone */
}

TEST(drbg_writes_exactly_what_was_asked_and_never_repeats)
{
    uint8_t out[DRBG_MAX_BYTES + 2], before[32];
    struct drbg d;

    fake_reset();
    drbg_init(&d);
    memset(before, 0, sizeof(before));
    for (uint32_t n = 0; n <= DRBG_MAX_BYTES; n++) {
        memset(out, 0xcc, sizeof(out));
        drbg_bytes(&d, out, n);
        EXPECT_EQ(out[n], 0xcc);
        EXPECT_EQ(out[n + 1], 0xcc);
        if (n >= 32)
            EXPECT(memcmp(out, before, 32) != 0);
        memcpy(before, out, sizeof(before));
    }
    memset(out, 0xcc, sizeof(out));
    drbg_bytes(&d, out, DRBG_MAX_BYTES + 1); /* capped */
    EXPECT_EQ(out[DRBG_MAX_BYTES], 0xcc);
}

TEST(drbg_is_reseeded_after_bytes_and_after_time)
{
    uint8_t out[DRBG_MAX_BYTES];
    struct drbg d, twin;
    uint32_t n = 0;

    fake_reset();
    drbg_init(&d);
    twin = d;
    do { /* the same state gives the same bytes until entropy is mixed in */
        drbg_bytes(&d, out, sizeof(out));
        n++;
    } while (d.bytes_left >= DRBG_MAX_BYTES);
    for (uint32_t i = 0; i < n; i++)
        drbg_bytes(&twin, out, sizeof(out));
    EXPECT_EQ(memcmp(twin.key, d.key, 32), 0);
    drbg_bytes(&d, out, 32);
    drbg_bytes(&twin, out, 32);
    EXPECT(memcmp(twin.key, d.key, 32) != 0);

    twin = d;
    fake.now_ns = 3600ull * 1000000000ull;
    drbg_bytes(&d, out, 32);
    fake.now_ns = 0;
    drbg_bytes(&twin, out, 32);
    EXPECT(memcmp(twin.key, d.key, 32) != 0);
}

static struct fake_guest *f;
static struct fake_ring r;

static void set_up(void)
{
    fake_reset();
    f = fake_guest_new(0, NULL, 0);
    fake_bus_start(f, RNG);
    r = fake_ring_legacy(f, fake_bus_ring(f, RNG, 0), 256);
}

TEST(vrng_fills_a_request_boundedly)
{
    uint32_t zeros = 0;

    set_up();
    fake_desc(&r, 0, 0x8000, 64, WRITE, 0);
    fake_desc(&r, 1, 0x9000, 0x4000, WRITE, 0);
    fake_desc(&r, 2, 0x8000, 64, 0, 0); /* nothing to write to */
    fake_avail(&r, 0);
    fake_avail(&r, 1);
    fake_avail(&r, 2);
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake_used_len(&r, 0), 64u);
    EXPECT_EQ(fake_used_len(&r, 1), DRBG_MAX_BYTES);
    EXPECT_EQ(fake_used_len(&r, 2), 0u);
    for (uint32_t i = 0; i < 64; i++)
        zeros += f->mem[0x8000 + i] == 0;
    EXPECT(zeros < 10);
    EXPECT_EQ(f->mem[0x9000 + DRBG_MAX_BYTES], 0);
    EXPECT_EQ(f->raised[fake_bus_irq(f, RNG, 0)], 1u);
    fake_reset();
}

TEST(vrng_many_requests_are_handled_in_portions)
{
    set_up();
    for (uint32_t i = 0; i < 256; i++) {
        fake_desc(&r, i, 0x8000, 256, WRITE, 0);
        fake_avail(&r, i);
    }
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT(fake_used_idx(&r) < 256);
    for (uint32_t i = 0; i < 100 && (f->vcpu.todo & VCPU_TODO_VDEV); i++)
        vdev_poll(&f->g);
    EXPECT_EQ(fake_used_idx(&r), 256u);
    fake_reset();
}
