/* SPDX-License-Identifier: MIT */
/* The serial port: 8250, 16450 and 16550A at an ISA port.  A missing one is
 * recognised (the bus then reads all ones); nothing here waits without a
 * bound, and the console core owns all policy.  Register names and bits are
 * those of the PC16550D data sheet. */
#include "hv/driver.h"

#include "arch/io.h"
#include "hv/assert.h"

#define NR_PORTS 2u
#define BASE_HZ 115200u
#define SPINS 20000u /* port accesses of about 1 us: 20 ms */

enum { REG_DATA = 0, REG_IER = 1, REG_FCR = 2, REG_IIR = 2, REG_LCR = 3,
       REG_MCR = 4, REG_LSR = 5, REG_SCR = 7 };

#define IER_RX 0x01u
#define IER_THRE 0x02u
#define IIR_FIFO 0xc0u
#define FCR_ENABLE_CLEAR_TRIGGER8 0x87u
#define LCR_8N1 0x03u
#define LCR_DLAB 0x80u
#define MCR_DTR_RTS_OUT2 0x0bu /* OUT2 gates the interrupt line */
#define MCR_LOOP 0x1eu
#define LSR_DR 0x01u
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u

struct uart {
    uint16_t base;
    uint8_t fifo_bytes;
    uint8_t credit; /* bytes that fit since THRE was last seen */
};

static struct uart uarts[NR_PORTS];

static uint8_t uart_read(const struct uart *u, uint32_t reg)
{
    return io_in8((uint16_t)(u->base + reg));
}

static void uart_write(const struct uart *u, uint32_t reg, uint8_t value)
{
    io_out8((uint16_t)(u->base + reg), value);
}

/* When THRE is set the whole FIFO is empty, so that many bytes go out for one
 * look at the status. */
static bool uart_tx_ready(struct uart *u)
{
    if (u->credit != 0)
        return true;
    if ((uart_read(u, REG_LSR) & LSR_THRE) == 0)
        return false;
    u->credit = u->fifo_bytes;
    return true;
}

static void uart_tx(struct uart *u, uint8_t byte)
{
    if (u->credit != 0)
        u->credit--;
    uart_write(u, REG_DATA, byte);
}

static uint32_t uart_tx_some(struct uart *u, const uint8_t *bytes, uint32_t n)
{
    n = hv_min_u32(n, u->credit);
    io_out8_some((uint16_t)(u->base + REG_DATA), bytes, n);
    u->credit -= (uint8_t)n;
    return n;
}

static bool uart_tx_idle(const struct uart *u)
{
    return (uart_read(u, REG_LSR) & LSR_TEMT) != 0;
}

/* An absent port reads 0xff, which would look like endless input. */
static int uart_rx(const struct uart *u)
{
    uint8_t lsr = uart_read(u, REG_LSR);

    if ((lsr & LSR_DR) == 0 || lsr == 0xff)
        return -1;
    return uart_read(u, REG_DATA);
}

/* Opening THRE while the transmitter is empty interrupts at once. IIR is left alone
 * then: reading it would drop the line again before the 8259 has been asked, which it
 * reports as a spurious IRQ 7. */
static bool uart_set_irq(const struct uart *u, enum console_irq mode)
{
    uart_write(u, REG_IER, mode == CONSOLE_IRQ_RX ? IER_RX : 0);
    if (mode == CONSOLE_IRQ_TEST)
        uart_write(u, REG_IER, IER_RX | IER_THRE);
    else
        (void)uart_read(u, REG_IIR); /* takes back a THRE interrupt */
    return true;
}

static HV_INIT bool scratch_works(const struct uart *u)
{
    uart_write(u, REG_SCR, 0x5a);
    if (uart_read(u, REG_SCR) != 0x5a)
        return false;
    uart_write(u, REG_SCR, 0xa5);
    return uart_read(u, REG_SCR) == 0xa5;
}

/* The 8250 has no scratch register, some emulations no loopback: one of the
 * two is enough. */
static HV_INIT bool loopback_works(const struct uart *u)
{
    bool seen = false;

    uart_write(u, REG_MCR, MCR_LOOP);
    uart_write(u, REG_DATA, 0xae);
    for (uint32_t i = 0; i < SPINS && !seen; i++)
        seen = (uart_read(u, REG_LSR) & LSR_DR) != 0;
    seen = seen && uart_read(u, REG_DATA) == 0xae;
    uart_write(u, REG_MCR, MCR_DTR_RTS_OUT2);
    return seen;
}

/* What the firmware still has in the FIFO would be cut by a new baud rate. */
static HV_INIT void wait_for_empty(const struct uart *u)
{
    for (uint32_t i = 0; i < SPINS; i++) {
        if ((uart_read(u, REG_LSR) & LSR_TEMT) != 0)
            return;
    }
}

static HV_INIT bool uart_open(struct uart *u, uint16_t port, uint32_t baud)
{
    uint32_t divisor = BASE_HZ / baud;

    u->base = port;
    if (uart_read(u, REG_LSR) == 0xff)
        return false;
    if (!scratch_works(u) && !loopback_works(u))
        return false;
    wait_for_empty(u);
    uart_write(u, REG_IER, 0);
    uart_write(u, REG_LCR, LCR_DLAB | LCR_8N1);
    uart_write(u, REG_DATA, (uint8_t)divisor);
    uart_write(u, REG_IER, (uint8_t)(divisor >> 8));
    uart_write(u, REG_LCR, LCR_8N1);
    uart_write(u, REG_FCR, FCR_ENABLE_CLEAR_TRIGGER8);
    uart_write(u, REG_MCR, MCR_DTR_RTS_OUT2);
    u->fifo_bytes = (uart_read(u, REG_IIR) & IIR_FIFO) == IIR_FIFO ? 16 : 1;
    u->credit = 0;
    return true;
}

/* console_ops carry no context, so each port has its own functions. */
#define UART_OPS(n) \
    static bool com##n##_tx_ready(void) { return uart_tx_ready(&uarts[n]); } \
    static void com##n##_tx(uint8_t byte) { uart_tx(&uarts[n], byte); } \
    static uint32_t com##n##_tx_some(const uint8_t *bytes, uint32_t max) \
    { \
        return uart_tx_some(&uarts[n], bytes, max); \
    } \
    static bool com##n##_tx_idle(void) { return uart_tx_idle(&uarts[n]); } \
    static int com##n##_rx(void) { return uart_rx(&uarts[n]); } \
    static bool com##n##_set_irq(enum console_irq mode) \
    { \
        return uart_set_irq(&uarts[n], mode); \
    }

UART_OPS(0)
UART_OPS(1)

static const struct console_ops ns16550_ops[NR_PORTS] = {
    {.name = "com1", .tx_ready = com0_tx_ready, .tx = com0_tx,
     .tx_some = com0_tx_some,
     .tx_idle = com0_tx_idle, .rx = com0_rx, .set_irq = com0_set_irq},
    {.name = "com2", .tx_ready = com1_tx_ready, .tx = com1_tx,
     .tx_some = com1_tx_some,
     .tx_idle = com1_tx_idle, .rx = com1_rx, .set_irq = com1_set_irq},
};

HV_INIT const struct console_ops *ns16550_init(uint32_t index, uint16_t port,
                                       uint32_t baud)
{
    hv_assert(index < NR_PORTS && baud > 1 && baud <= BASE_HZ);
    return uart_open(&uarts[index], port, baud) ? &ns16550_ops[index] : NULL;
}
