# SPDX-License-Identifier: MIT
"""What is on QEMU's screen: the VGA text memory, or a screendump turned back into
characters by the font that tools/gen-font reads, so that a pixel too many makes
no character."""
import importlib.machinery
import importlib.util
import os
import re
import time

import vmlib

COLS, ROWS = 8, 16


def load_gen_font():
    path = os.path.join(vmlib.TOP, "tools", "gen-font")
    loader = importlib.machinery.SourceFileLoader("gen_font", path)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("gen_font", loader))
    loader.exec_module(module)
    return module


def glyphs():
    """{16 bytes: character}, of printable ASCII and blank."""
    module = load_gen_font()
    font = module.Font()
    return {bytes(font.glyph(chr(c))): chr(c) for c in range(32, 127)}


def read_ppm(path):
    with open(path, "rb") as f:
        data = f.read()
    m = re.match(rb"P6\n(\d+) (\d+)\n255\n", data)
    return int(m.group(1)), int(m.group(2)), data[m.end():]


def screendump(vm):
    path = os.path.join(vm.scratch, "screen.ppm")
    vm.mon(f"screendump {path}")
    for _ in range(50):
        if os.path.isfile(path) and os.path.getsize(path) > 100:
            return read_ppm(path)
        time.sleep(0.1)
    raise AssertionError("no screendump")


def halved(width, height, pixels):
    """A screen whose every pixel is two by two, as one of a quarter the size."""
    out = bytearray()
    for y in range(0, height, 2):
        at = y * width * 3
        row = pixels[at:at + width * 3]
        assert row == pixels[at + width * 3:at + 2 * width * 3], f"row {y}"
        small = bytearray(width // 2 * 3)
        for c in range(3):
            assert row[c::6] == row[c + 3::6], f"row {y}"
            small[c::3] = row[c::6]
        out += small
    return width // 2, height // 2, bytes(out)


def is_light(pixels, at):
    """Foreground grey or background black; anything else is no text."""
    rgb = pixels[at:at + 3]
    if max(rgb) <= 8:
        return 0
    assert min(rgb) >= 0xa0 and max(rgb) <= 0xb0, f"colour {rgb.hex()}"
    return 1


def cell_rows(width, pixels, row, col):
    out = bytearray()
    for y in range(ROWS):
        at = ((row * ROWS + y) * width + col * COLS) * 3
        byte = 0
        for x in range(COLS):
            byte = byte << 1 | is_light(pixels, at + 3 * x)
        out.append(byte)
    return bytes(out)


class Reader:
    """Screendumps to lines of text; the cursor is a cell with exchanged
    colours and is shown as the character behind it. scale 2: of large pixels."""

    def __init__(self, scale=1):
        self.scale = scale
        self.glyphs = glyphs()
        self.cursor = None

    def char(self, rows, where):
        if rows in self.glyphs:
            return self.glyphs[rows]
        turned = bytes(b ^ 0xff for b in rows)
        assert turned in self.glyphs, f"no character at {where}: {rows.hex()}"
        self.cursor = where
        return self.glyphs[turned]

    def lines(self, vm):
        width, height, pixels = screendump(vm)
        if self.scale == 2:
            width, height, pixels = halved(width, height, pixels)
        self.cursor = None
        text = []
        for r in range(height // ROWS):
            line = "".join(self.char(cell_rows(width, pixels, r, c), (r, c))
                           for c in range(width // COLS))
            text.append(line.rstrip())
        for y in range(height // ROWS * ROWS, height):
            row = pixels[y * width * 3:(y + 1) * width * 3]
            assert max(row) == 0, "pixels below the last line"
        return text


def vga_lines(vm):
    """The 80x25 text screen."""
    words = re.findall(r"0x([0-9a-f]{4})", " ".join(
        line.split(":", 1)[1] for line in
        vm.mon("xp /2000hx 0xb8000").split("\n") if ": 0x" in line))
    text = "".join(chr(int(w, 16) & 0xff) for w in words)
    return [text[i:i + 80].rstrip() for i in range(0, 2000, 80)]


def wrapped(text, cols):
    """The lines that a terminal of so many columns has of plain text."""
    out = []
    for line in text.replace("\r", "").split("\n"):
        out += [line[i:i + cols].rstrip() for i in range(0, len(line), cols)] or [""]
    return out


def seen_lines(vm, cols, rows):
    """What a screen of this size must show, by the serial line. What came before
    the monitor's first line is the loader's."""
    text = vm.text[vm.text.index("(RS) "):]
    lines = wrapped(text, cols)
    return (lines + [""] * rows)[:rows] if len(lines) <= rows else lines[-rows:]


def wait_lines(read, wanted, seconds=10):
    """Until the screen shows the wanted lines: it is drawn a moment after the
    serial line has the text."""
    end = time.monotonic() + seconds
    while True:
        got = read()
        if got == wanted or time.monotonic() > end:
            return got
        time.sleep(0.2)
