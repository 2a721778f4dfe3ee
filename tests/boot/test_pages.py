# SPDX-License-Identifier: MIT
"""Reads the live page tables from outside, by QEMU's monitor: W^X in the
monitor's address space, page 0 and the guard pages unmapped, and no more than
the switcher's pages mapped beside a guest (docs/architecture.md)."""
import re
import subprocess
import time

import pytest
import vmlib
from common import demo_command, expect_demo

GUEST_TOP = 0xffc00000
SW_BASE = 0xffe00000
GUARDS = (0xffc20000,)
# Switcher pages as a guest may see them: (writable, executable)
GUEST_VIEW = {
    0xffe00000: (False, True),   # text
    0xffe01000: (True, False),   # regs
    0xffe02000: (False, False),  # state
    0xffe03000: (False, True),   # thunk
    0xffe04000: (True, False),   # lguest_data
    0xffe05000: (True, False),
}
PRIVATE = 0xffe06000

LINE = re.compile(r"^([0-9a-f]{8,16}): ([0-9a-f]{8,16}) "
                  r"([X-])([G-])([P-])([D-])([A-])([C-])([T-])([U-])([W-])",
                  re.M)


class Page:
    def __init__(self, m):
        self.va = int(m.group(1), 16) & 0xffffffff
        self.pa = int(m.group(2), 16)
        self.nx = m.group(3) == "X"
        self.is_global = m.group(4) == "G"
        self.bytes = 0x200000 if m.group(5) == "P" else 4096
        self.user = m.group(10) == "U"
        self.writable = m.group(11) == "W"


def symbols():
    out = subprocess.run(["nm", vmlib.ELF], capture_output=True, text=True,
                         check=True).stdout
    return {n: int(a, 16) for a, n in
            re.findall(r"^([0-9a-f]{8}) \w (\w+)$", out, re.M)}


def pages_while(vm, want_ring):
    """Stops the machine while it is in the wanted ring."""
    for _ in range(200):
        vm.mon("stop")
        regs = vm.mon("info registers")
        if int(re.search(r"CPL=(\d)", regs).group(1)) in want_ring:
            return [Page(m) for m in LINE.finditer(vm.mon("info tlb"))], regs
        vm.mon("cont")
        time.sleep(0.01)
    pytest.fail(f"the CPU was never seen in ring {want_ring}")


@pytest.fixture(scope="module")
def host_pages():
    """The monitor's own address space, idle, on a CPU with NX."""
    with vmlib.boot("demo=off exit=wait", cpu="max", monitor=True) as vm:
        vm.expect(r"\(RS\) ringside", 20)
        time.sleep(1)
        pages, _ = pages_while(vm, (0,))
        assert len(pages) > 10
        yield pages


def test_nothing_is_writable_and_executable(host_pages):
    bad = [hex(p.va) for p in host_pages if p.writable and not p.nx]
    assert not bad, bad


def test_page_0_is_not_mapped(host_pages):
    assert not [p for p in host_pages if p.va < 4096]


def test_guard_pages_are_not_mapped(host_pages):
    mapped = {p.va for p in host_pages}
    assert not [hex(g) for g in GUARDS if g in mapped]


def test_nothing_is_global_or_user(host_pages):
    assert not [hex(p.va) for p in host_pages if p.is_global or p.user]


def at(pages, va):
    return next((p for p in pages if p.va <= va < p.va + p.bytes), None)


def test_text_and_rodata(host_pages):
    sym = symbols()
    text = at(host_pages, sym["hv_run"])
    assert text and not text.writable and not text.nx
    for name in ("hv_rodata_start",):
        page = at(host_pages, sym[name])
        assert page and not page.writable and page.nx, name
    data = at(host_pages, sym["hv_data_start"])
    assert data and data.nx


def test_executable_pages_are_text(host_pages):
    """Nothing outside of the monitor's text and the switcher is executable."""
    sym = symbols()
    low, high = sym["hv_text_start"], sym["hv_text_end"]
    for p in host_pages:
        if not p.nx and p.va < SW_BASE:
            assert low <= p.va < high, hex(p.va)


def test_report_line():
    """The monitor proves the same of itself at each boot."""
    with vmlib.boot("loglvl=debug", cpu="max") as vm:
        vm.expect(r"\(RS\) [^\n]*W\^X holds[^\n]*\n", 20)


def test_guest_view():
    """While a guest runs, nothing of the monitor is mapped but the switcher's
    documented pages."""
    with vmlib.boot("watchdog=0", cpu="max", monitor=True) as vm:
        expect_demo(vm)
        demo_command(vm, "spin")
        pages, regs = pages_while(vm, (1, 3))
        top = [p for p in pages if p.va >= GUEST_TOP]
        assert PRIVATE not in {p.va for p in top}
        for p in top:
            assert p.va in GUEST_VIEW, f"{p.va:#x} is mapped beside a guest"
            writable, executable = GUEST_VIEW[p.va]
            assert p.writable == writable, hex(p.va)
            assert p.nx == (not executable), hex(p.va)
            assert not p.is_global and not p.user
        sym = symbols()
        frames = range(sym["hv_text_start"], sym["hv_data_start"], 4096)
        low = {p.pa for p in pages if p.va < GUEST_TOP}
        assert not low & set(frames), "the monitor is mapped in a guest"
        assert re.search(r"CR0=8", regs), "paging is on"
        assert int(re.search(r"CR0=([0-9a-f]+)", regs).group(1), 16) & 0x10000
