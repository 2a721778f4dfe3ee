# SPDX-License-Identifier: MIT
"""The screens: VGA text and framebuffers of several formats show what the serial
line has, to the pixel; a panic too; Page Up goes back through it."""
import pytest
import vmlib
from common import PROMPT, demo_command, expect_demo, poweroff
from screenlib import Reader, seen_lines, vga_lines, wait_lines, wrapped
from test_panic import gdb

# multiboot2 sets gfxpayload to what the header wants: the mode comes after it.
GRUB = ("  insmod all_video\n  multiboot2 /boot/ringside.elf "
        "console=com1,fb,vga exit={}\n  set gfxpayload={}\n")


@pytest.fixture(scope="module")
def mode_iso(make_iso, stripped):
    """An image that asks GRUB for a video mode by VBE; made once."""
    made = {}

    def make(mode, end="debug-exit"):
        name = f"mode{mode}-{end}"
        if name not in made:
            made[name] = make_iso(name, GRUB.format(end, mode), {"ringside.elf": stripped})
        return made[name]
    return make


def boot_cd(iso, extra=()):
    return vmlib.Vm(["-boot", "d", "-vga", "std", "-drive",
                     f"file={iso},media=cdrom,if=ide,readonly=on"] + list(extra),
                    timeout=90, monitor=True)


@pytest.mark.parametrize("mode,cols,rows", [
    ("800x600x32", 100, 37),
    pytest.param("1024x768x24", 128, 48, marks=pytest.mark.slow),
    pytest.param("640x480x16", 80, 30, marks=pytest.mark.slow),
    pytest.param("1920x1080x32", 240, 67, marks=pytest.mark.slow),
])
def test_framebuffer(mode_iso, mode, cols, rows):
    """Every pixel: the font's, in grey on black, for what the serial line has."""
    reader = Reader()
    with boot_cd(mode_iso(mode)) as vm:
        vm.expect(PROMPT, 60)
        vm.quiet(0.5)
        wanted = seen_lines(vm, cols, rows)
        assert wait_lines(lambda: reader.lines(vm), wanted) == wanted
        assert reader.cursor == (wanted.index("demo>"), len("demo> "))
        demo_command(vm, "help") # scrolls
        vm.expect(PROMPT, 10)
        vm.quiet(0.5)
        wanted = seen_lines(vm, cols, rows)
        assert wait_lines(lambda: reader.lines(vm), wanted) == wanted
        poweroff(vm)


def test_text_mode_is_enough(mode_iso):
    """The framebuffer is asked for, not demanded."""
    with boot_cd(mode_iso("text")) as vm:
        vm.expect(PROMPT, 60)
        vm.quiet(0.5)
        wanted = seen_lines(vm, 80, 25)
        assert wait_lines(lambda: vga_lines(vm), wanted) == wanted
        poweroff(vm)


def test_panic_on_the_framebuffer(mode_iso, tmp_path):
    sock = str(tmp_path / "gdb")
    reader = Reader()
    with boot_cd(mode_iso("800x600x32", "halt"),
                 ["-gdb", f"unix:path={sock},server=on,wait=off"]) as vm:
        vm.expect(PROMPT, 60)
        for _ in range(20):
            if "= 80" in gdb(sock, "p $cs", "detach"):
                break
        gdb(sock, "set $eip = 0", "detach")
        vm.expect(r"PANIC: .*backtrace:", 10)
        vm.quiet(0.5)
        wanted = seen_lines(vm, 100, 37)
        assert wait_lines(lambda: reader.lines(vm), wanted) == wanted


# ---- Page Up ----

def keys(vm, *names):
    for name in names:
        vm.mon(f"sendkey {name}")


def test_page_up_on_vga():
    """With Shift it is always the screen's; without, the shell's user's, while a
    guest gets its own. A key that types goes back to the end."""
    with vmlib.boot("console=com1,vga", monitor=True) as vm:
        expect_demo(vm)
        vm.quiet(0.5)
        lines = wrapped(vm.text[vm.text.index("(RS) "):], 80)
        assert len(lines) > 40
        read = lambda: vga_lines(vm)
        end, back = lines[-25:], lines[-25 - 24:-24]
        assert wait_lines(read, end) == end
        keys(vm, "shift-pgup")
        assert wait_lines(read, back) == back
        keys(vm, "shift-pgdn")
        assert wait_lines(read, end) == end
        for _ in range(9):
            keys(vm, "shift-pgup")
        first = lines[:25]
        assert wait_lines(read, first) == first
        keys(vm, "spc", "backspace")
        vm.quiet(0.5)
        assert wait_lines(read, end) == end
        vm.send("\x010")
        vm.expect("> ", 10)
        vm.quiet(0.5)
        lines = wrapped(vm.text[vm.text.index("(RS) "):], 80)
        keys(vm, "pgup")
        back = lines[-25 - 24:-24]
        got = wait_lines(read, back)
        assert got[:20] == back[:20]


def test_page_up_on_the_framebuffer(mode_iso):
    reader = Reader()
    with boot_cd(mode_iso("640x480x32")) as vm:
        vm.expect(PROMPT, 60)
        vm.quiet(0.5)
        lines = wrapped(vm.text[vm.text.index("(RS) "):], 80)
        keys(vm, "shift-pgup")
        back = lines[-30 - 29:-29] if len(lines) > 59 else lines[:30]
        assert wait_lines(lambda: reader.lines(vm), back) == back
        assert reader.cursor is None
        poweroff(vm)
