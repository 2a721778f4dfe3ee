# SPDX-License-Identifier: MIT
"""TM-11 with guests that are too large for the suite: what building one, its exits and
its taking apart cost is its own time. In virtual time, as the neighbour sees it."""
import os
import tempfile

import pytest
import vmlib

TM = os.path.join(vmlib.TOP, "build", "guests", "tm.elf")
HAD = r"had (\d+) per mille, away for (\d+) us"


def beside(ms, modules):
    """Runs them beside the neighbour, judges what it had, returns what was said."""
    calm = (TM, f"kernel:calm memory=4 on_poweroff=destroy -- case=neighbour ms={ms}")
    with vmlib.boot(memory=6144, cpu="max", icount=True, modules=[calm] + modules) as vm:
        had = vm.expect(HAD, 120)
        assert int(had.group(1)) >= 450 and int(had.group(2)) <= 20000, had.group(0)
        return vm.text


@pytest.mark.parametrize("mib", [
    3840,
    pytest.param(64, marks=pytest.mark.slow),
    pytest.param(2000, marks=pytest.mark.slow),
])
def test_beside_a_large_guest(mib):
    """It is built, maps and flushes what it can, is taken apart, and starts anew; all
    the while the neighbour has its half and is away for no longer than two slices."""
    text = beside(1500, [(TM, f"kernel:large memory={mib} -- case=large")])
    assert "guest large: ended reboot" in text, text[-2000:]


def test_beside_large_disk_requests():
    with tempfile.NamedTemporaryFile(suffix=".img") as disk:
        disk.truncate(16 << 20)
        beside(500, [(TM, "kernel:large memory=8 -- case=large_disk"),
                     (disk.name, "disk:large:vda")])


def some(cases, calm):
    """What a guest of the case `calm` says beside guests of these cases."""
    modules = [(TM, f"kernel:calm memory=4 on_poweroff=destroy -- {calm}")]
    modules += [(TM, f"kernel:g{i} memory=4 -- case={c}") for i, c in enumerate(cases)]
    with vmlib.boot(memory=512, cpu="max", icount=True, modules=modules) as vm:
        return vm.expect(HAD if "neighbour" in calm else r"(\d+) loops", 120)


@pytest.mark.parametrize("cases", [["napper"] * 2, ["napper"] * 3,
                                   ["pong first=1", "pong first=0"]])
def test_beside_sleepers(cases):
    """Those who wake come before others, but not all of them for a slice each."""
    had = some(cases, "case=neighbour ms=400")
    assert int(had.group(2)) <= 20000, had.group(0)


def test_busy_neighbours_pay():
    """Who leaves the CPU thousands of times a second pays for what the monitor does
    between two guests: a third has as much as beside guests that only compute."""
    beside_spinners = int(some(["spinner"] * 2, "case=counter ms=400").group(1))
    beside_pongs = int(some(["pong first=1", "pong first=0"],
                            "case=counter ms=400").group(1))
    assert beside_pongs >= 0.97 * beside_spinners, (beside_pongs, beside_spinners)
