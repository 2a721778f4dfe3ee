# SPDX-License-Identifier: MIT
"""The menu behind Ctrl-A, the shell, and what lines look like."""
import re
import time

import pytest
import vmlib
from common import PROMPT, demo_command, expect_demo, monitor_lines, poweroff

COMMANDS = ("help list info pause resume destroy start restart console stats "
            "top log mem bt test reboot poweroff").split()


def to_shell(vm):
    vm.send("\x010")
    vm.expect(r"\(RS\) [^\n]*\n", 10)


def ask(vm, line):
    """A shell command's output."""
    vm.quiet(0.2)
    vm.send(line + "\r")
    return vm.quiet(0.5)


def test_menu():
    with vmlib.boot() as vm:
        expect_demo(vm)
        vm.send("\x01?")
        vm.expect(r"\(RS\) [^\n]*\n", 10)
        vm.send("\x01l")
        vm.expect(r"\(RS\) [^\n]*demo[^\n]*\n", 10)


def test_shell_knows_its_commands():
    with vmlib.boot() as vm:
        expect_demo(vm)
        to_shell(vm)
        text = ask(vm, "help")
        for command in COMMANDS:
            assert re.search(rf"\b{command}\b", text), f"{command} not in {text}"


BAD_LINES = [
    "frobnicate", "info", "info nobody", "pause nobody", "destroy", "start",
    "console nobody", "test no.such", "test ,", "test hc,", "resume nobody extra words", "bt 99 99",
    "x" * 2000, "\x7f\x7f\x1b[A\x1b[B", "list ;;; %s%n",
]


def test_shell_bad_input():
    """One line of answer each, nothing changes, the demo still runs."""
    with vmlib.boot() as vm:
        expect_demo(vm)
        to_shell(vm)
        for line in BAD_LINES:
            said = ask(vm, line)
            assert said.count("\n") <= 4, (line, said)
            assert re.search(r"\bdemo +(idle|running)\b", ask(vm, "list")), line
            assert "PANIC" not in vm.text
        vm.send("\x011")
        demo_command(vm, "")
        vm.expect(PROMPT, 10)
        poweroff(vm)


def test_suite_from_the_shell():
    """As often as one likes, beside guests, whose output is their own again after."""
    with vmlib.boot("exit=wait") as vm:
        expect_demo(vm)
        to_shell(vm)
        for _ in range(2):
            vm.send("test hc.init_twice,tk.code_limit\r")
            vm.expect(r"KTAP version 1\s+1\.\.2\s", 10)
            vm.expect(r"\nok 2 tk\.code_limit # SKIP ", 20)
            vm.expect(r"# totals: pass:1 fail:0 skip:1\s", 10)
            vm.expect(r"\(RS\) suite done rc=0", 10)
        vm.send("\x011")
        vm.quiet(0.3)
        demo_command(vm, "mem")
        said = vm.expect(r"[^\n]*KiB at 0[^\n]*", 10).group(0)
        assert said.startswith("memory: "), said


def test_report_comes_again():
    """Once nothing else is left the pages are shown after each run."""
    with vmlib.boot("demo=off exit=wait") as vm:
        vm.expect(r"the shell of ringside", 30)
        for _ in range(2):
            vm.send("test hc.init_twice\r")
            vm.expect(r"suite done rc=0", 20)
            vm.expect(r"1 passed, 0 failed, 0 skipped", 10)
            vm.expect(r"the end of the list; any key", 10)
            vm.send("q")
            vm.expect(r"guest report: ended poweroff", 10)
            to_shell(vm)


def test_pause_and_resume():
    with vmlib.boot() as vm:
        expect_demo(vm)
        to_shell(vm)
        name = re.search(r"guest (\S+): started", vm.text).group(1)
        ask(vm, f"pause {name}")
        assert "paused" in ask(vm, "list").lower()
        ask(vm, f"resume {name}")
        vm.send("\x011")
        demo_command(vm, "")
        vm.expect(PROMPT, 10)
        poweroff(vm)


def test_pause_while_it_is_built():
    """Both commands are there before the guest has its first turn."""
    with vmlib.boot("exit=wait") as vm:
        expect_demo(vm)
        to_shell(vm)
        ask(vm, "destroy demo")
        for _ in range(20):
            if re.search(r"demo +off", ask(vm, "list")):
                break
        vm.send("start demo\rpause demo\r")
        vm.expect(r"guest demo: started[^\n]*\n", 10)
        vm.expect(r"\(RS\) > ", 5)
        assert re.search(r"demo +paused", ask(vm, "list"))
        vm.send("poweroff\r")
        assert vm.finish(15) == 0


def test_shell_poweroff():
    with vmlib.boot("exit=wait") as vm:
        expect_demo(vm)
        to_shell(vm)
        vm.send("poweroff\r")
        assert vm.finish(15) == 0


def test_literal_escape_reaches_the_guest():
    """Ctrl-A twice is one Ctrl-A for the guest, and no menu."""
    with vmlib.boot() as vm:
        expect_demo(vm)
        vm.send("\x01\x01\r")
        vm.expect(PROMPT, 10)
        poweroff(vm)


def test_other_escape_key():
    with vmlib.boot("escape=^B") as vm:
        expect_demo(vm)
        vm.send("\x02l")
        vm.expect(r"\(RS\) [^\n]*demo[^\n]*\n", 10)


def test_monitor_lines_stand_alone():
    """Every "(RS) " begins a line, whatever the guest was printing."""
    with vmlib.boot("loglvl=debug") as vm:
        expect_demo(vm)
        poweroff(vm)
        for line in vm.text.replace("\r", "").split("\n"):
            assert "(RS) " not in line[1:], line
        assert monitor_lines(vm.text)


def test_silent_serial_line():
    """No console on COM1: the machine works all the same."""
    with vmlib.boot("console=vga exit=debug-exit", monitor=True) as vm:
        with pytest.raises(AssertionError):
            vm.expect(r"\(RS\) ", 3)
        assert vm.child.isalive()
        screen = re.findall(r"0x([0-9a-f]{4})", vm.mon("xp /2000hx 0xb8000"))
        text = "".join(chr(int(w, 16) & 0x7f) for w in screen)
        assert "(RS)" in text or ">" in text


def test_first_second(demo):
    """Something is on the screen within the first second of the monitor."""
    with vmlib.boot("console=vga,com1", monitor=True) as vm:
        vm.expect(r"\(RS\) ringside", 20)
        vm.expect(PROMPT, 20)
        # The screen may be drawn a moment after the serial line has it.
        for _ in range(20):
            screen = re.findall(r"0x([0-9a-f]{4})", vm.mon("xp /2000hx 0xb8000"))
            text = "".join(chr(int(w, 16) & 0x7f) for w in screen)
            if "(RS) ringside" in text or "> " in text:
                break
            time.sleep(0.25)
        assert "(RS) ringside" in text or "> " in text
