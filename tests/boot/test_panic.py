# SPDX-License-Identifier: MIT
"""The monitor's last words. The outside breaks it (gdb moves EIP, ESP); it
prints one PANIC line, registers and a symbolised backtrace, and reports
failure. NMIs and machine checks, on the other hand, it survives."""
import os
import re
import subprocess
import time

import pexpect
import pytest
import vmlib
from common import PROMPT, demo_command, expect_demo, poweroff

GDB_TRIES = 20


def gdb(sock, *commands):
    args = ["gdb", "-q", "-nx", "-batch", "-ex", "set confirm off",
            "-ex", "set architecture i386", "-ex", f"target remote {sock}"]
    for c in commands:
        args += ["-ex", c]
    out = subprocess.run(args, capture_output=True, text=True, timeout=30)
    return out.stdout + out.stderr


@pytest.fixture
def victim(tmp_path):
    """run(append, gdb commands) -> (status, text): lets the machine idle at
    the demo's prompt, then runs the commands while it is at ring 0."""
    def run(append, *commands):
        sock = str(tmp_path / "gdb")
        extra = ["-gdb", f"unix:path={sock},server=on,wait=off"]
        with vmlib.boot(append, extra=extra) as vm:
            expect_demo(vm)
            for _ in range(GDB_TRIES):
                if "= 80" in gdb(sock, "p $cs", "detach"):
                    break
                time.sleep(0.1)
            out = gdb(sock, "p $cs", *commands, "detach")
            assert "= 80" in out, "not at ring 0: " + out
            status = vm.finish(20)
            return status, vm.text.replace("\r", "")
    return run


def check_panic(status, text):
    lines = [x for x in text.split("\n") if x.startswith("(RS) PANIC: ")]
    assert len(lines) == 1, text[-2000:]
    after = text[text.index("(RS) PANIC: "):]
    assert re.search(r"eax|EAX", after), after
    assert status == vmlib.EXIT_FAIL, f"status {status}\n{after}"
    return after


def test_jump_to_nowhere(victim):
    after = check_panic(*victim("exit=debug-exit", "set $eip = 0"))
    assert re.search(r"\[<[0-9a-f]+>\] \w+", after), "no backtrace: " + after
    assert re.search(r"guest demo", after), "does not name the guest: " + after


def test_double_fault(victim):
    """A broken stack: the task gate brings its own."""
    after = check_panic(*victim("exit=debug-exit", "set $esp = 0xffc20010",
                                "set $eip = 0"))
    assert re.search(r"double fault|#DF", after, re.I), after


@pytest.mark.parametrize("how,status", [("poweroff", 0), ("reboot", 0)])
def test_panic_then_exit(victim, how, status):
    got, text = victim(f"exit={how}", "set $eip = 0")
    assert "(RS) PANIC: " in text
    assert got == status


def test_nmi(nmis=100):
    """NMIs from outside, in whatever the machine is doing: taken, counted,
    and the guest goes on."""
    with vmlib.boot(monitor=True) as vm:
        expect_demo(vm)
        demo_command(vm, "mem")
        for _ in range(nmis):
            vm.mon("nmi")
        demo_command(vm, "")
        vm.expect(PROMPT, 10)
        assert "PANIC" not in vm.text
        poweroff(vm)


def test_nmi_tasks(nmis=200):
    """DB-11: both tasks, LDTR and the guest's CR0.TS hold through NMIs, as a
    guest sees them after each of its exits."""
    with vmlib.boot("test=tk.task_state_holds", monitor=True) as vm:
        vm.expect("started kernel=task_state_holds", 30)
        for _ in range(nmis):
            vm.mon("nmi")
        status = vm.finish(60)
        assert "\nok 1 tk.task_state_holds" in vm.text.replace("\r", "")
        assert status == vmlib.EXIT_OK


def test_debugger():
    """make debug: stops before the first line of C, asks nothing, and knows the names
    of both worlds."""
    child = pexpect.spawn(os.path.join(vmlib.TOP, "tools", "run-qemu"), ["--gdb"],
                          timeout=60, encoding="utf-8", cwd=vmlib.TOP,
                          env=dict(os.environ, TERM="dumb"))
    try:
        child.expect(r"Breakpoint 1, [^\n]*boot_main[\s\S]*\(gdb\) ")
        for command, answer in (("hbreak hv_run", "Hardware assisted breakpoint 2"),
                                ("continue", r"Breakpoint 2, [^\n]*hv_run"),
                                ("info address guest_main", r'Symbol "guest_main" is '),
                                ("info address hv_run", r'Symbol "hv_run" is ')):
            child.sendline(command)
            child.expect(answer + r"[\s\S]*\(gdb\) ")
        child.sendline("kill")
        child.expect(r"\(gdb\) ")
        child.sendline("quit")
        child.expect(pexpect.EOF, timeout=10)
    finally:
        child.close(force=True)


@pytest.mark.slow
def test_nmi_flood():
    """DB-10: a thousand a second for ten seconds under load."""
    with vmlib.boot(monitor=True, timeout=90) as vm:
        expect_demo(vm)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            demo_command(vm, "mem")
            for _ in range(100):
                vm.mon("nmi")
            vm.expect(PROMPT, 10)
        demo_command(vm, "")
        vm.expect(PROMPT, 10)
        assert "PANIC" not in vm.text
        poweroff(vm)


def test_machine_check():
    """DB-12: said with its bank; the monitor halts or kills the owner, and the
    guest never sees it through a gate of its own."""
    with vmlib.boot(cpu="max", monitor=True) as vm:
        expect_demo(vm)
        # bank 1, VAL | UC | EN | PCC: uncorrectable
        vm.mon("mce 0 1 0xb200000000000000 0x5 0 0")
        vm.expect(r"\(RS\) [^\n]*(?:machine check|#MC|MCE)[^\n]*\n", 10)
