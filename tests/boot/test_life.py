# SPDX-License-Identifier: MIT
"""How guests end and what the machine then does (exit=, on_*=)."""
import os
import time

import pytest
import vmlib
from common import ENDED, PROMPT, STARTED, demo_command, expect_demo, poweroff

VERDICT = os.path.join(vmlib.TOP, "build", "guests", "verdict.elf")


@pytest.mark.parametrize("command,how", [
    ("crash pagefault", "crash|killed"), ("crash triple", "crash|killed")])
def test_crash(command, how):
    """Registers and a backtrace come before the line; the guest is kept; the
    machine reports failure."""
    with vmlib.boot() as vm:
        expect_demo(vm)
        before = len(vm.text)
        demo_command(vm, command)
        ended = vm.expect(ENDED, 15)
        assert ended.group(2) in how.split("|")
        said = vm.text[before:].lower()
        assert "eip" in said and "eax" in said, said
        assert vm.finish(15) == vmlib.EXIT_FAIL


@pytest.mark.parametrize("keys,starts", [("", 2), ("pae=0", 1), ("pae=1", 1)])
def test_crash_on_boot_tables(keys, starts):
    """A kernel of 2.6.31 to 3.0 does not say which kind of page tables it needs
    before it loads its own: where pae= leaves it open, both are tried."""
    image = os.path.join(vmlib.TOP, "build", "guests", "abi-2.6.32.elf")
    module = (image, f"kernel:old memory=8 {keys} -- no-such-case")
    with vmlib.boot(modules=[module]) as vm:
        assert vm.expect(ENDED, 15).group(2) == "crash"
        assert vm.text.count("guest old: started") == starts
        assert vm.text.count("starts again with pae=1") == starts - 1
        assert vm.finish(15) == vmlib.EXIT_FAIL


def test_reboot_restarts():
    with vmlib.boot() as vm:
        expect_demo(vm)
        demo_command(vm, "reboot")
        assert vm.expect(ENDED, 15).group(2) == "reboot"
        vm.expect(STARTED, 15)
        vm.expect(PROMPT, 15)
        poweroff(vm)


def test_reboot_destroy(demo):
    with vmlib.boot(modules=[(demo, "kernel:d memory=8 on_reboot=destroy")]) as vm:
        expect_demo(vm)
        demo_command(vm, "reboot")
        assert vm.expect(ENDED, 15).group(2) == "reboot"
        assert vm.finish(15) == vmlib.EXIT_OK
        assert vm.text.count("started kernel") == 1


def test_restart_from_the_shell_leaves_the_policy(demo):
    """It is for this once: on_reboot= holds again afterwards."""
    with vmlib.boot(modules=[(demo, "kernel:d memory=8 on_reboot=destroy")]) as vm:
        expect_demo(vm)
        vm.send("\x010")
        vm.quiet(0.3)
        vm.send("restart d\r")
        assert vm.expect(ENDED, 15).group(2) == "reboot"
        vm.expect(STARTED, 15)
        vm.expect(PROMPT, 15)
        demo_command(vm, "reboot")
        assert vm.expect(ENDED, 15).group(2) == "reboot"
        assert vm.finish(15) == vmlib.EXIT_OK
        assert vm.text.count("started kernel") == 2


def test_crash_restart(demo):
    with vmlib.boot(modules=[(demo, "kernel:d memory=8 on_crash=restart")]) as vm:
        expect_demo(vm)
        demo_command(vm, "crash pagefault")
        vm.expect(ENDED, 15)
        vm.expect(STARTED, 15)
        vm.expect(PROMPT, 15)


WAITS = (r"guest loop: ended within a second of its start (\d+) times in a row, "
         r"starts again in (\d+) s")


@pytest.mark.parametrize("end", ["fail", "kill", "reboot"])
def test_a_restart_loop_slows_down(demo, end):
    """RS-03: a guest that ends as soon as it starts comes back more and more slowly,
    its neighbour's user notices nothing, and the shell can have it back or away."""
    with vmlib.boot("exit=wait", modules=[
            (VERDICT, f"kernel:loop memory=4 on_crash=restart -- end={end}"),
            (demo, "kernel:calm memory=8")]) as vm:
        for times, seconds in ((4, 1), (5, 2), (6, 4)):
            m = vm.expect(WAITS, 30)
            assert (int(m.group(1)), int(m.group(2))) == (times, seconds)
            assert vm.text.count("guest loop: started") == times
        vm.send("\x012\r")
        vm.expect(PROMPT, 3)
        vm.send("\x010")
        vm.expect(r"\(RS\) [^\n]*\n", 5)
        vm.send("list\r")
        vm.expect(r"loop +waits ", 5)
        before = vm.text.count("guest loop: started")
        vm.send("restart loop\r")
        m = vm.expect(WAITS, 5)
        assert m.group(1) == "4" # the end by hand was the first
        assert vm.text.count("guest loop: started") == before + 3
        vm.send("destroy loop\r")
        vm.expect("loop is gone", 5)
        assert "guest loop: started" not in vm.quiet(2)


def test_restarts_of_a_calm_guest_do_not_wait(demo):
    """Who has lived for a second starts anew with a clean record."""
    with vmlib.boot(modules=[(demo, "kernel:d memory=8")], icount=True) as vm:
        expect_demo(vm)
        for _ in range(6):
            vm.quiet(0.5) # far more in virtual time: it is idle
            demo_command(vm, "reboot")
            vm.expect(STARTED, 15)
            vm.expect(PROMPT, 15)
        assert "starts again in" not in vm.text


def test_a_spinning_guest_does_not_hold_the_menu_up():
    with vmlib.boot() as vm:
        expect_demo(vm)
        demo_command(vm, "spin")
        vm.send("\x01l")
        vm.expect(r"\(RS\) .*", 10)


# image and case of a guest of the suite that never gives the CPU away by itself
HOGS = [("fl", "cli_loop"), ("tm", "storm"), ("tm", "loop_hypercall"), ("tm", "loop_in"),
        ("tm", "loop_fault"), ("tm", "loop_step"), ("tm", "loop_flush"), ("rs", "console_flood")]


@pytest.mark.parametrize("image,case", [
    pytest.param(*hog, marks=() if hog[1] == "loop_flush" else pytest.mark.slow) for hog in HOGS])
def test_echo_beside_a_hog(demo, image, case):
    """TM-03: what is typed comes back within 50 ms. The median: the host that QEMU
    runs on may be busy for a while."""
    hog = os.path.join(vmlib.TOP, "build", "guests", image + ".elf")
    with vmlib.boot(modules=[(demo, "kernel:calm memory=8"),
                             (hog, f"kernel:hog memory=8 -- case={case} pae=0")]) as vm:
        vm.expect(r"\[calm\] demo> ", 30)
        vm.send("\x011\r")
        vm.expect(PROMPT, 5)
        took = []
        for _ in range(15):
            begin = time.monotonic()
            vm.send("z")
            vm.expect("z", 5)
            took.append(time.monotonic() - begin)
        assert sorted(took)[7] < 0.05, took
        assert "guest hog: ended" not in vm.text


def test_two_guests_run_side_by_side(demo):
    with vmlib.boot(modules=[(demo, "kernel:one memory=8"),
                             (demo, "kernel:two memory=8")]) as vm:
        vm.expect(STARTED, 20)
        vm.expect(STARTED, 20)
        vm.expect(r"\[one\] ", 20)
        vm.expect(r"\[two\] ", 20)


def test_exit_poweroff():
    with vmlib.boot("exit=poweroff") as vm:
        expect_demo(vm)
        demo_command(vm, "poweroff")
        vm.expect(ENDED, 15)
        assert vm.finish(15) == 0


def test_exit_reboot():
    """With -no-reboot QEMU ends where the machine would start anew."""
    with vmlib.boot("exit=reboot") as vm:
        expect_demo(vm)
        demo_command(vm, "poweroff")
        vm.expect(ENDED, 15)
        assert vm.finish(15) == 0


@pytest.mark.parametrize("how", ["wait", "halt"])
def test_exit_stays(how):
    with vmlib.boot(f"exit={how}", monitor=True) as vm:
        expect_demo(vm)
        demo_command(vm, "poweroff")
        vm.expect(ENDED, 15)
        with pytest.raises(AssertionError):
            vm.expect("never printed", 2)
        assert vm.child.isalive()
        assert "running" in vm.mon("info status")
        if how == "halt":
            assert "HLT=1" in vm.mon("info registers")


def test_the_watchdog_leaves_a_halted_machine_alone():
    with vmlib.boot("exit=halt watchdog=1") as vm:
        expect_demo(vm)
        demo_command(vm, "poweroff")
        vm.expect(ENDED, 15)
        assert "watchdog" not in vm.quiet(4)


@pytest.mark.parametrize("icount", [False, True])
def test_demo_bench(icount):
    """What a user will type first: it ends, and every row says yes."""
    with vmlib.boot(icount=icount) as vm:
        expect_demo(vm)
        demo_command(vm, "bench")
        vm.expect(PROMPT, 30)
        assert "FAILED" not in vm.text
        poweroff(vm)


@pytest.mark.quick
def test_debug_exit_reports_success():
    with vmlib.boot() as vm:
        expect_demo(vm)
        poweroff(vm, vmlib.EXIT_OK)
