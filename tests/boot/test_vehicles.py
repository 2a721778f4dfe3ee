# SPDX-License-Identifier: MIT
"""Machines and CPUs of all kinds by -kernel, the same machine without ACPI, APIC
or HPET, and other people's idea of a PC: Bochs and v86. One of each kind is in
make check, the products are in the slow tier."""
import itertools
import os
import re
import subprocess

import pytest
import vmlib
from common import expect_demo, poweroff

slow = pytest.mark.slow
TOOLS = os.path.join(vmlib.TOP, "tools")

CPUS = ["pentium2", "pentium3", "athlon", "phenom", "coreduo", "n270", "core2duo",
        "qemu32", "qemu64", "Nehalem", "SandyBridge", "EPYC", "max"]
MACHINES = ["pc", "q35", "isapc"]
IN_CHECK = {("pc", "pentium2"), ("pc", "coreduo"), ("pc", "max"),
            ("q35", "qemu32"), ("isapc", "pentium3")}


def tier(chosen, products):
    """Parameters: the chosen ones run in make check, all others are slow."""
    return [pytest.param(*p, marks=() if p in chosen else slow)
            for p in products]


@pytest.mark.parametrize("machine,cpu", tier(
    IN_CHECK, itertools.product(MACHINES, CPUS)))
def test_machine_and_cpu(machine, cpu):
    with vmlib.boot(machine=machine, cpu=cpu) as vm:
        expect_demo(vm)
        poweroff(vm)


def test_suite_on_a_cpu_without_sse():
    """CR4.OSFXSR does not stay set there; P3 compares CR4 after each case."""
    status, text = vmlib.run("test=fp", cpu="pentium2")
    assert status == vmlib.EXIT_OK, text
    assert "# totals: pass:" in text


@slow
@pytest.mark.parametrize("machine,mib", itertools.product(
    MACHINES, [64, 128, 512, 2048, 3584]))
def test_machine_and_memory(machine, mib):
    with vmlib.boot(machine=machine, cpu="max", memory=mib) as vm:
        told = int(expect_demo(vm).group(3))
        # An ISA machine has no hole below 4 GiB; what it cannot map is lost.
        assert mib - 8 <= told <= mib + 1
        poweroff(vm)


@slow
@pytest.mark.parametrize("machine,cpu", itertools.product(
    ["pc", "q35"], ["coreduo", "core2duo", "max"]))
def test_machine_with_8_gib(machine, cpu):
    """coreduo has 32 address bits: what lies above is not used."""
    with vmlib.boot(machine=machine, cpu=cpu, memory=8192) as vm:
        told = int(expect_demo(vm).group(3))
        assert told > (8000 if cpu != "coreduo" else 2000)
        poweroff(vm)


SWITCHES = list(itertools.product(
    ["pc", "q35"], ["on", "off"], ["on", "off"], ["", ",-apic"]))


@pytest.mark.parametrize("machine,acpi,hpet,apic", tier(
    {("pc", "off", "off", ",-apic")}, SWITCHES))
def test_without(machine, acpi, hpet, apic):
    with vmlib.boot(machine=f"{machine},acpi={acpi},hpet={hpet}",
                    cpu="qemu32" + apic) as vm:
        expect_demo(vm)
        poweroff(vm)


@pytest.mark.parametrize("machine", [
    "microvm,acpi=off,rtc=on,pit=on,pic=on,isa-serial=on",
    pytest.param("pc-i440fx-2.0", marks=slow),
    pytest.param("pc,i8042=off", marks=slow),
    pytest.param("q35,vmport=off,smm=off", marks=slow),
])
def test_other_machine(machine):
    with vmlib.boot(machine=machine, cpu="qemu32") as vm:
        expect_demo(vm)
        poweroff(vm)


def test_words_of_microvm(pvh_elf):
    """It takes every PVH kernel for a Linux and tells it by words where devices are;
    those keep no test from running."""
    status, text = vmlib.run(
        "test=tr.de", elf=pvh_elf, machine="microvm,acpi=off,rtc=on,pit=on,pic=on,isa-serial=on",
        extra=["-device", "virtio-rng-device"])
    assert status == vmlib.EXIT_OK and "\nok 1 tr.de\n" in text
    assert re.search(r"^\(RS\) command line: for Linux, not used: virtio_mmio\.device=\S+$",
                     text, re.M)


@pytest.mark.parametrize("cpu", [
    pytest.param("qemu32,-sep", marks=slow),
    pytest.param("pentium3,-sse", marks=slow),
    pytest.param("max,-nx", marks=slow),
])
def test_cpu_without_a_feature(cpu):
    with vmlib.boot(cpu=cpu) as vm:
        expect_demo(vm)
        poweroff(vm)


@pytest.mark.parametrize("smp", [4])
def test_more_cpus_are_left_alone(smp):
    with vmlib.boot(smp=smp) as vm:
        expect_demo(vm)
        poweroff(vm)


# ---- not QEMU ----

def other(tool, *options):
    """Serial output of run-bochs or run-v86 up to the demo's prompt, or what
    the options say."""
    out = subprocess.run([os.path.join(TOOLS, tool), "--until", "demo> ",
                          *options], capture_output=True, text=True,
                         timeout=400)
    if "installed" in out.stdout:
        pytest.skip(out.stdout.split("\n")[0])
    assert out.stdout.rstrip().endswith("1 passed, 0 failed"), out.stdout[-2000:]
    return out.stdout


def test_bochs():
    text = other("run-bochs", "--megs", "64", "--limit", "120")
    assert "boot=multiboot2" in text and "user program: ring 3" in text


@slow
@pytest.mark.parametrize("cpu", [
    "p3_katmai", "p4_willamette", "athlon64_clawhammer",
    "core2_penryn_t9600", "atom_n270", "corei7_sandy_bridge_2600k",
    "corei7_skylake_x", "ryzen", "tigerlake"])
def test_bochs_cpu(cpu):
    text = other("run-bochs", "--cpu", cpu, "--megs", "64", "--limit", "200")
    assert "user program: ring 3" in text


@slow
def test_bochs_first_pentium_2():
    """Klamath had no FXSAVE; its successor has."""
    text = other("run-bochs", "--cpu", "p2_klamath", "--megs", "64", "--limit",
                 "200", "--until", "FXSR: halted")
    assert "(RS) this CPU has no FXSR" in text


@slow
def test_bochs_left_in_x2apic_mode():
    """As firmware may leave it. Bochs's APIC stays off once it is off."""
    text = other("run-bochs", "--megs", "64", "--limit", "200", "--before",
                 "wrmsr 0x1b 0xfee00d00")
    assert re.search(r"\(RS\) firmware: the local APIC was in x2APIC mode and "
                     r"is off now", text)
    assert "timer PIT" in text and "timer: 10 ticks of 10 ms" in text


@slow
def test_v86():
    text = other("run-v86", "--limit", "120")
    assert "boot=multiboot1" in text and "user program: ring 3" in text
