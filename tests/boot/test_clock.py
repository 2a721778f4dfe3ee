# SPDX-License-Identifier: MIT
"""Clock and timer on machines that lack some of what a PC has for them. Under -icount
the TSC counts 1 GHz exactly, so what was measured has one right value, however slow the
host is."""
import re

import pytest
import vmlib
from common import expect_demo, monitor_lines

MICROVM = "microvm,pit=off,pic=on,isa-serial=on"
GUESS = "nothing tells how fast the TSC counts, it is taken for 1 GHz"


def time_lines(vm):
    return [x[len("time: "):] for x in monitor_lines(vm.text) if x.startswith("time: ")]


@pytest.mark.parametrize("machine,cpu,by,timer,line0", [
    ("pc", "qemu32", "PIT", "LAPIC", "PIT"),
    ("pc,pit=off", "qemu32", "HPET", "LAPIC", "HPET"),
    ("pc,pit=off", "max", "HPET", "LAPIC", "HPET"),
    ("pc,pit=off", "pentium3", "HPET", "LAPIC", "HPET"),
    ("pc,pit=off,hpet=off", "qemu32", "PM timer", "LAPIC", "nobody"),
    ("q35,pit=off", "max", "HPET", "LAPIC", "HPET"),
    ("q35,pit=off,hpet=off", "qemu32", "PM timer", "LAPIC", "nobody"),
    ("pc,pit=off", "qemu32,-apic", "HPET", "HPET", "HPET"),
    ("isapc", "pentium3", "PIT", "LAPIC", "PIT"),
    ("isapc", "pentium3,-apic", "PIT", "PIT", "PIT"),
    ("pc,pit=off,hpet=off", "qemu32,-apic", "PM timer", "RTC", "RTC"),
])
def test_what_is_there_is_used(machine, cpu, by, timer, line0):
    """The demo's ten ticks come by the timer that was found."""
    with vmlib.boot("loglvl=debug watchdog=0", machine=machine, cpu=cpu, icount=True,
                    extra=["-rtc", "clock=vm"]) as vm:
        expect_demo(vm)
        said = "\n".join(time_lines(vm))
        assert f"clock TSC, TSC 1000000 kHz, timer {timer}\n" in said, said
        assert f"measured by {by}," in said and f"line 0 by {line0}" in said, said
        assert "timer: 10 ticks of 10 ms; TSC 1000000 kHz" in vm.text
        assert "no timer interrupt" not in vm.text


@pytest.mark.parametrize("machine", ["pc", "pc,pit=off", "q35,pit=off,hpet=off"])
@pytest.mark.parametrize("shift", [1, 4, 8])
def test_instructions_of_other_lengths(machine, shift):
    """An instruction takes 2, 16, 256 ns: what counts reads counts something else."""
    with vmlib.boot("watchdog=0", machine=machine, icount=True, shift=shift) as vm:
        expect_demo(vm)
        assert "clock TSC, TSC 1000000 kHz, timer LAPIC" in "\n".join(time_lines(vm))


def test_the_rtc_alone():
    """Three of its seconds, at 256 ns an instruction. CPUID says nothing there."""
    with vmlib.boot("loglvl=debug", machine=MICROVM + ",rtc=on", cpu="qemu32", icount=True,
                    shift=8, extra=["-rtc", "clock=vm"]) as vm:
        expect_demo(vm)
        assert "measured by RTC, intervals agree 1" in vm.text
        khz = int(re.search(r"clock TSC, TSC (\d+) kHz, timer LAPIC", vm.text).group(1))
        assert abs(khz - 1000000) <= 1000, khz
        assert "timer: 10 ticks of 10 ms" in vm.text


def test_nothing_tells_the_time():
    """One line; the demo runs, in a time of its own."""
    with vmlib.boot(machine=MICROVM + ",rtc=off", cpu="qemu32") as vm:
        expect_demo(vm)
        assert GUESS in time_lines(vm)
        assert "TSC 0 kHz (not for guests), timer LAPIC" in vm.text
        assert "timer: 10 ticks of 10 ms" in vm.text


def test_nothing_interrupts():
    """One line says so, and there is a prompt to turn it off at."""
    with vmlib.boot("exit=wait", machine=MICROVM + ",rtc=off", cpu="qemu32,-apic") as vm:
        vm.expect(r"ringside \S+ cpus=1", 60)
        lines = [x for x in monitor_lines(vm.text) if "no timer interrupt arrives" in x]
        assert len(lines) == 1 and "from LAPIC, PIT, HPET or RTC" in lines[0], lines
        assert "timer nobody" in vm.text
