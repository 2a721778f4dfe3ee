# SPDX-License-Identifier: MIT
"""What a boot costs: instructions from the monitor's first one to the first one of
the demo guest. The clock of -icount counts them, and an RDTSC that is put into both
places for a moment reads it.

From console_start() on there are timers, and interrupts are off but for the
preemption points. What takes longer the more memory a machine has belongs before
that, or it could be the longest time with interrupts off (P5).

And what a guest's beginning and end cost: no page of its memory is filled or looked at
before somebody touches it, however large it is."""
import collections

import pytest
import vmlib
from gdbstub import GdbStub, symbol

BUDGET = 30_000_000   # at 512 MiB
GROWTH = 1.20         # at 8 GiB
IRQS_OFF = 200_000    # P5: the longest time with interrupts off
A_PAGE = 3            # of a guest that nobody touches: its entry in the table, 8 bytes
DESTROY = 1_000_000   # a guest that has touched next to nothing
RDTSC = b"\x0f\x31"

Cost = collections.namedtuple("Cost", "whole with_timers")


def tsc(stub):
    """RDTSC in the place of the instruction that comes next, and then that again."""
    saved, at = stub.ask("g"), stub.registers()["eip"]
    bytes_there = stub.ask(f"m{at:x},{len(RDTSC)}")
    assert stub.ask(f"M{at:x},{len(RDTSC)}:{RDTSC.hex()}") == "OK"
    stub.ask("s")
    r = stub.registers()
    assert r["eip"] == at + len(RDTSC)
    assert stub.ask(f"M{at:x},{len(RDTSC)}:{bytes_there}") == "OK"
    assert stub.ask(f"G{saved}") == "OK"
    return r["edx"] << 32 | r["eax"]


def boot_cost(path, mib):
    # With sleep=off the clock would jump to the next timer at each stop.
    with vmlib.boot("watchdog=0", memory=mib, timeout=180,
                    extra=["-icount", "shift=0,sleep=on", "-S", "-gdb",
                           f"unix:{path},server=on,wait=off"]) as vm:
        stub = GdbStub(path)
        stub.run_to(symbol("boot_start"))
        first = tsc(stub)
        stub.run_to(symbol("console_start"))
        timers = tsc(stub)
        stub.run_to(symbol("switcher_entry"))
        last = tsc(stub)
        stub.detach()
        vm.expect("demo> ", 60)
    return Cost(last - first, last - timers)


@pytest.fixture(scope="module")
def at_512(tmp_path_factory):
    return boot_cost(str(tmp_path_factory.mktemp("gdb") / "s"), 512)


@pytest.fixture(scope="module")
def at_8192(tmp_path_factory):
    return boot_cost(str(tmp_path_factory.mktemp("gdb") / "s"), 8192)


def test_boot_within_its_budget(at_512):
    cost = at_512.whole
    assert 1_000_000 < cost <= BUDGET, f"{cost} instructions at 512 MiB"
    print(f"boot: {cost} instructions at 512 MiB")


def test_boot_of_a_large_machine(at_512, at_8192):
    large, small = at_8192.whole, at_512.whole
    assert large <= small * GROWTH, f"{large} instructions at 8 GiB, {small} at 512 MiB"
    print(f"boot: {large} instructions at 8 GiB")


def test_no_timer_waits_for_a_large_machine(at_512, at_8192):
    large, small = at_8192.with_timers, at_512.with_timers
    print(f"boot with timers: {small} instructions at 512 MiB, {large} at 8 GiB")
    assert 100_000 < small
    assert large - small <= IRQS_OFF, f"{large} instructions at 8 GiB, {small} at 512 MiB"


Life = collections.namedtuple("Life", "creation destruction")


def guest_cost(path, demo, mib):
    """A guest of so many MiB: from the call that makes it to its first instruction,
    and from the shell's `destroy` until its memory has been given back."""
    with vmlib.boot("watchdog=0 exit=wait", memory=6144, timeout=300, cpu="max",
                    modules=[(demo, f"kernel:it memory={mib}")],
                    extra=["-icount", "shift=0,sleep=on", "-S", "-gdb",
                           f"unix:{path},server=on,wait=off"]) as vm:
        stub = GdbStub(path)
        stub.run_to(symbol("guest_create"))
        first = tsc(stub)
        stub.run_to(symbol("switcher_entry"))
        begun = tsc(stub)
        stub.breakpoint(symbol("guest_destroy"))
        stub.go()
        vm.expect(r"demo> |\(RS\) > ", 60)  # so much is too much for the demo
        vm.send("\x010destroy it\r")
        assert stub.stopped(120), "never destroyed"
        stub.breakpoint(symbol("guest_destroy"), False)
        last = tsc(stub)
        stub.run_to(symbol("guest_free"))  # all but its last frames
        ended = tsc(stub)
        stub.detach()
    return Life(begun - first, ended - last)


@pytest.fixture(scope="module")
def guest_of_8(tmp_path_factory, demo):
    return guest_cost(str(tmp_path_factory.mktemp("gdb") / "s"), demo, 8)


@pytest.fixture(scope="module")
def guest_of_3840(tmp_path_factory, demo):
    return guest_cost(str(tmp_path_factory.mktemp("gdb") / "s"), demo, 3840)


def test_a_large_guest_begins_at_once(guest_of_8, guest_of_3840):
    small, large = guest_of_8.creation, guest_of_3840.creation
    print(f"guest: {small} instructions to make one of 8 MiB, {large} of 3840 MiB")
    assert 10_000 < small
    assert large - small <= (3840 - 8) * 256 * A_PAGE


def test_a_large_guest_ends_at_once(guest_of_8, guest_of_3840):
    small, large = guest_of_8.destruction, guest_of_3840.destruction
    print(f"guest: {small} instructions to end one of 8 MiB, {large} of 3840 MiB")
    assert 1_000 < small
    assert large <= DESTROY
