/* SPDX-License-Identifier: MIT */
/* Calibration on machines whose time is ours: every read costs as much of it as the
 * test says, from a nanosecond to a millisecond, and counters may stand, count at
 * another rate than they should, or be left alone by a host for a while.  What comes
 * out is the TSC's true rate, or the word that it is not known. */
#include "fake.h"
#include "test.h"

#include "../../arch/i386/calibrate.h"
#include "arch/cpu.h"
#include "arch/tsc.h"

#define NS_PER_S 1000000000ull

struct cpu_features cpu_features;

static struct {
    double now_ns;
    double read_ns;   /* what a read of a counter costs */
    double rdtsc_ns;
    double tsc_khz;
    double pit, hpet, pm; /* rate: 1 right, 0 stands */
    double pause_at, pause_ns; /* the host takes the CPU away, once */
    double rtc;       /* 0: stands; else seconds a second */
    double rtc_read_ns;
    uint32_t reads;
    struct cpuid_regs leaf[3]; /* 0x40000010, 0x15, 0x16 */
    bool lapic;
    double lapic_hz, lapic_from;
} pc;

static void spend(double ns)
{
    pc.now_ns += ns;
    if (pc.pause_ns != 0 && pc.now_ns >= pc.pause_at) {
        pc.now_ns += pc.pause_ns;
        pc.pause_ns = 0;
    }
    pc.reads++;
    REQUIRE(pc.reads < 200000000); /* all ends */
}

static uint32_t count(double hz, double rate, uint32_t mask)
{
    spend(pc.read_ns);
    return (uint32_t)(uint64_t)(pc.now_ns * hz * rate / NS_PER_S) & mask;
}

static uint32_t read_pit(void)
{
    return count(1193182, pc.pit, 0xffff);
}

static uint32_t read_hpet(void)
{
    return count(100000000, pc.hpet, 0xffffffff);
}

static uint32_t read_pm(void)
{
    return count(3579545, pc.pm, 0xffffff);
}

static const struct ref_clock pit = {"PIT", 1193182, 0xffff, read_pit};
static const struct ref_clock hpet = {"HPET", 100000000, 0xffffffff, read_hpet};
static const struct ref_clock pm = {"PM timer", 3579545, 0xffffff, read_pm};
static const struct ref_clock *const all_three[] = {&pit, &hpet, &pm};

uint64_t cpu_rdtsc(void)
{
    spend(pc.rdtsc_ns);
    return (uint64_t)(pc.now_ns * pc.tsc_khz / 1000000);
}

struct cpuid_regs cpu_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs none = {0};

    (void)subleaf;
    if (leaf == 0x40000000 && pc.leaf[0].eax != 0)
        none.eax = 0x40000010;
    return leaf == 0x40000010 ? pc.leaf[0] : leaf == 0x15 ? pc.leaf[1]
        : leaf == 0x16 ? pc.leaf[2] : none;
}

/* The second changes behind an update of 244 us, in which nothing can be read. */
int rtc_second(void)
{
    double seconds;

    spend(pc.rtc_read_ns);
    if (pc.rtc == 0)
        return 17;
    seconds = pc.now_ns * pc.rtc / NS_PER_S + 57.3;
    if (seconds - (double)(uint64_t)seconds > 0.999756)
        return -1;
    return (int)((uint64_t)seconds % 60);
}

bool lapic_present(void)
{
    return pc.lapic;
}

void lapic_timer_oneshot(uint8_t vector, uint32_t ticks, bool nmi)
{
    (void)vector;
    (void)nmi;
    EXPECT_EQ(ticks, UINT32_MAX);
    pc.lapic_from = pc.now_ns;
}

uint32_t lapic_timer_current(void)
{
    double ticks;

    spend(pc.rdtsc_ns);
    ticks = (pc.now_ns - pc.lapic_from) * pc.lapic_hz / NS_PER_S;
    return ticks >= UINT32_MAX ? 0 : UINT32_MAX - (uint32_t)ticks;
}

void lapic_timer_stop(void)
{
}

static void machine(void)
{
    memset(&pc, 0, sizeof(pc));
    memset(&cpu_features, 0, sizeof(cpu_features));
    pc.now_ns = 123456789;
    pc.read_ns = 1000;
    pc.rdtsc_ns = 10;
    pc.rtc_read_ns = 2000;
    pc.tsc_khz = 2893417;
    pc.pit = pc.hpet = pc.pm = pc.rtc = 1;
    pc.lapic = true;
    pc.lapic_hz = 62500000;
    fake_log_clear();
}

static struct calibration run(const struct ref_clock *const *refs, uint32_t n)
{
    struct calibration c;

    calibrate_clocks(&c, refs, n);
    return c;
}

static bool near(double is, double wanted, double parts)
{
    return is > wanted - wanted / parts && is < wanted + wanted / parts;
}

#define EXPECT_RIGHT(c, parts) \
    do { \
        EXPECT((c).intervals_agree); \
        EXPECT(near((c).tsc_khz, pc.tsc_khz, parts)); \
        EXPECT(near((c).lapic_hz, pc.lapic_hz, parts)); \
    } while (0)

/* By each counter alone, with reads from 1 ns to 1 ms and TSCs of 75 MHz to 6 GHz. */
TEST(any_counter_whatever_a_read_costs)
{
    static const double costs[] = {1, 30, 1000, 20000, 1000000};
    static const double khz[] = {75000, 1000000, 6000000};

    for (uint32_t i = 0; i < 3 * HV_ARRAY_SIZE(costs) * HV_ARRAY_SIZE(khz); i++) {
        struct calibration c;

        machine();
        pc.read_ns = costs[i / 3 % HV_ARRAY_SIZE(costs)];
        pc.tsc_khz = khz[i / 3 / HV_ARRAY_SIZE(costs)];
        pc.rdtsc_ns = pc.read_ns < 10 ? 1 : 10;
        c = run(&all_three[i % 3], 1);
        EXPECT(c.ref == all_three[i % 3]);
        EXPECT_RIGHT(c, 500);
    }
}

/* One of three stands or is wrong by a factor: another is found, without asking the
 * RTC, which stands too. */
TEST(one_of_three_is_wrong)
{
    static const double rates[] = {0, 0.25, 0.5, 2, 4};

    for (uint32_t i = 0; i < 3 * HV_ARRAY_SIZE(rates); i++) {
        double *const rate[] = {&pc.pit, &pc.hpet, &pc.pm};
        struct calibration c;

        machine();
        pc.rtc = 0;
        *rate[i % 3] = rates[i / 3];
        c = run(all_three, 3);
        EXPECT(c.ref != NULL && (i % 3 != 0 || c.ref != &pit));
        EXPECT_RIGHT(c, 1000);
    }
}

/* Two that contradict each other: CPUID or the RTC decides; if neither can, the TSC is
 * not offered to guests. */
TEST(one_of_two_is_wrong)
{
    for (uint32_t i = 0; i < 6; i++) {
        struct calibration c;

        machine();
        *(i & 1 ? &pc.pit : &pc.hpet) = 2;
        pc.rtc = i < 2;
        if (i >= 4) {
            cpu_features.max_leaf = 0x16;
            pc.leaf[2].eax = 2900;
        }
        c = run(all_three, 2);
        if (i == 2 || i == 3) {
            EXPECT(!c.intervals_agree);
            continue;
        }
        EXPECT(c.ref == (i & 1 ? &hpet : &pit));
        EXPECT_RIGHT(c, 1000);
        EXPECT(fake_log_has("is believed"));
    }
}

/* All that count are wrong, the RTC is right: no counter is used. */
TEST(both_of_two_are_wrong)
{
    struct calibration c;

    machine();
    pc.pit = 2;
    pc.hpet = 4;
    c = run(all_three, 2);
    EXPECT(c.ref == NULL);
    EXPECT_RIGHT(c, 500);
}

/* Away for longer than the PIT takes to wrap, in the midst of it. */
TEST(a_host_that_takes_the_cpu_away)
{
    for (uint32_t i = 0; i < 20; i++) {
        struct calibration c;

        machine();
        pc.pause_at = pc.now_ns + i * 700000;
        pc.pause_ns = 60000000 + i * 11000000.0;
        c = run(all_three, i % 2 ? 1 : 3);
        EXPECT_RIGHT(c, 1000);
    }
}

TEST(by_the_rtc_alone)
{
    static const double costs[] = {100, 2000, 300000, 20000000};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(costs); i++) {
        struct calibration c;

        machine();
        pc.pit = pc.hpet = pc.pm = 0;
        pc.rtc_read_ns = costs[i];
        c = run(all_three, 3);
        EXPECT(c.ref == NULL);
        EXPECT_RIGHT(c, costs[i] > 1000000 ? 20 : 500);
    }
}

TEST(by_cpuid_alone)
{
    for (uint32_t i = 0; i < 3; i++) {
        struct calibration c;

        machine();
        pc.rtc = 0;
        cpu_features.hypervisor = true;
        cpu_features.max_leaf = i == 1 ? 0x15 : 0x16;
        pc.leaf[0].eax = i == 0 ? 2893417 : 0;
        if (i == 1) {
            pc.tsc_khz = 3000000;
            pc.leaf[1] = (struct cpuid_regs){2, 250, 24000000, 0};
        } else if (i == 2) {
            pc.leaf[2].eax = 2893;
        }
        c = run(NULL, 0);
        EXPECT_RIGHT(c, 1000);
    }
}

/* Nothing tells: not for guests, and the timer fits the clock that will be used. */
TEST(nothing_tells)
{
    struct calibration c;

    machine();
    pc.pit = pc.hpet = pc.pm = pc.rtc = 0;
    c = run(all_three, 3);
    EXPECT_EQ(c.tsc_khz, 0);
    EXPECT(!c.intervals_agree && c.ref == NULL);
    EXPECT(near(c.lapic_hz, pc.lapic_hz * TSC_KHZ_GUESS / pc.tsc_khz, 500));
    EXPECT(fake_log_has("nothing tells how fast the TSC counts"));
}


TEST(no_lapic_and_a_tsc_that_is_slow)
{
    struct calibration c;

    machine();
    pc.lapic = false;
    pc.tsc_khz = 63000;
    c = run(all_three, 3);
    EXPECT(c.ref == &pit);
    EXPECT_EQ(c.lapic_hz, 0);
    EXPECT(near(c.tsc_khz, 63000, 1000));
}
