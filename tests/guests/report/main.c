/* SPDX-License-Identifier: MIT */
/* The reporter: shows how the suite went on a machine without a serial port.  Pages
 * of text, then the same as QR codes in half-block characters, which a telephone
 * reads off the screen.  It runs at ring 1 like any guest and gets the text as a
 * disk; the encoder is a library's (tools/get-qrcodegen), not the monitor's. */

#include "gtest.h"
#include "guest/virtio.h"

#if REPORT_QR
#include "qrcodegen.h"
#endif

#define TEXT_BYTES 8192u
#define PAGE_LINES 20u
#define PAGE_SECONDS 15u
/* Version 6 has 41 modules a side: with a border of two, 23 lines of half blocks, and
 * the prompt and the cursor below still fit on a text screen of 25. At level L it holds
 * 134 bytes. */
#define QR_VERSION 6
#define QR_BYTES 134u
#define QR_BORDER 2

static char text[TEXT_BYTES + 64];

static void read_disk(void)
{
    static struct gabi_blk_req req;
    static struct vdevice disk;
    static uint8_t status;
    struct vq_buffer b[3] = {{addr_of(&req), sizeof(req), false},
                             {addr_of(text), TEXT_BYTES, true},
                             {addr_of(&status), 1, true}};

    if (!bus_find(GABI_DEV_BLOCK, 0, &disk))
        FAIL("no disk");
    bus_start(&disk);
    req.type = GABI_BLK_READ;
    vq_add(&disk.vq[0], b, 3);
    vq_kick(&disk.vq[0]);
    if (!vq_wait(&disk.vq[0], NULL) || status != GABI_BLK_OK)
        FAIL("the disk cannot be read");
}

/* The name that the CPU has for itself, as a line behind the first one. */
static void add_cpu_name(void)
{
    char name[49] = "CPU without a name";
    uint32_t a = 0x80000000, b, c = 0, d, n = 0, length;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    for (uint32_t leaf = 0x80000002; a >= 0x80000004 && leaf <= 0x80000004; leaf++) {
        uint32_t r[4] = {leaf, 0, 0, 0};

        __asm__ volatile("cpuid" : "+a"(r[0]), "=b"(r[1]), "+c"(r[2]), "=d"(r[3]));
        memcpy(name + 16 * (leaf - 0x80000002), r, 16);
    }
    name[48] = '\0';
    while (text[n] && text[n] != '\n')
        n++;
    length = (uint32_t)strlen(name);
    memmove(text + n + 1 + length, text + n, strlen(text + n) + 1);
    text[n] = '\n';
    memcpy(text + n + 1, name, length);
}

/* A key, or 0 after PAGE_SECONDS, for who has no keyboard. */
static int wait_key(void)
{
    for (uint32_t i = 0; i < PAGE_SECONDS * 10; i++) {
        int key = console_getchar();

        if (key > 0)
            return key;
        gt_sleep_ns(100000000);
    }
    return 0;
}

/* The next page; q ends. */
static void next_page(const char *what)
{
    print("-- %s; any key goes on, q ends --\n", what);
    if (wait_key() == 'q')
        guest_exit("PASS");
}

static void show_text(void)
{
    const char *line = text;

    for (uint32_t n = 1; *line; n++) {
        const char *end = line;

        while (*end && *end != '\n')
            end++;
        print_bytes(line, (uint32_t)(end - line));
        print("\n");
        line = *end ? end + 1 : end;
        if (n % PAGE_LINES == 0 && *line)
            next_page("more");
    }
    next_page("the end of the list");
}

#if REPORT_QR
/* Two modules above each other in one character, dark on the screen's light. */
static void draw(const uint8_t *qr)
{
    static const char blocks[4][4] = {"\xe2\x96\x88", "\xe2\x96\x84", "\xe2\x96\x80", " "};
    int size = qrcodegen_getSize(qr);

    for (int y = -QR_BORDER; y < size + QR_BORDER; y += 2) {
        for (int x = -QR_BORDER; x < size + QR_BORDER; x++) {
            bool upper = qrcodegen_getModule(qr, x, y);
            bool lower = qrcodegen_getModule(qr, x, y + 1) || y + 1 >= size + QR_BORDER;
            const char *b = blocks[upper * 1 + lower * 2];

            print_bytes(b, (uint32_t)strlen(b));
        }
        print("\n");
    }
}

static void show_codes(void)
{
    static uint8_t data[qrcodegen_BUFFER_LEN_FOR_VERSION(QR_VERSION)];
    static uint8_t qr[qrcodegen_BUFFER_LEN_FOR_VERSION(QR_VERSION)];
    uint32_t length = (uint32_t)strlen(text), nr = (length + QR_BYTES - 1) / QR_BYTES;

    for (uint32_t i = 0; i < nr; i++) {
        uint32_t n = length - i * QR_BYTES;
        char what[32];

        n = n > QR_BYTES ? QR_BYTES : n;
        memcpy(data, text + i * QR_BYTES, n);
        if (!qrcodegen_encodeBinary(data, n, qr, qrcodegen_Ecc_LOW, QR_VERSION, QR_VERSION,
                                    qrcodegen_Mask_AUTO, true))
            FAIL("the text does not fit");
        draw(qr);
        guest_snprintf(what, sizeof(what), "code %u of %u", i + 1, nr);
        next_page(what);
    }
}
#else
static void show_codes(void)
{
    next_page("built without the QR encoder, see make setup");
}
#endif

GT_CASE(page, GT_2LEVEL | GT_HIDDEN | GT_DISK, .expect = "success")
{
    (void)console_init();
    read_disk();
    add_cpu_name();
    for (;;) {
        show_text();
        show_codes();
    }
}
