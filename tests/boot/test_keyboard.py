# SPDX-License-Identifier: MIT
"""Keys of QEMU's PS/2 keyboard, by the place where they are, come out as the
layout has them (keymap=), in the shell's echo on the serial line. The shell takes
ASCII; the other letters are tests/host/test_keymap.c's."""
import pytest
import vmlib
from common import PROMPT, expect_demo

# sendkey names keys by what they are on a US keyboard.
TYPED = {
    "us": [("y", "y"), ("z", "z"), ("shift-2", "@"), ("minus", "-"),
           ("shift-semicolon", ":"), ("backslash", "\\"), ("grave_accent", "`"),
           ("kp_7", "7"), ("caps_lock", ""), ("a", "A"), ("1", "1"),
           ("shift-a", "a"), ("caps_lock", ""), ("a", "a")],
    "de": [("y", "z"), ("z", "y"), ("shift-2", '"'), ("shift-7", "/"),
           ("alt_r-q", "@"), ("alt_r-7", "{"), ("alt_r-0", "}"),
           ("alt_r-minus", "\\"), ("less", "<"), ("shift-less", ">"),
           ("alt_r-less", "|"), ("backslash", "#"), ("slash", "-"),
           ("grave_accent", "^"), ("alt_r-bracket_right", "~")],
    "fr": [("q", "a"), ("a", "q"), ("w", "z"), ("z", "w"), ("semicolon", "m"),
           ("m", ","), ("1", "&"), ("shift-1", "1"),
           ("alt_r-0", "@"), ("alt_r-6", "|"), ("shift-dot", "/"),
           ("bracket_left", "^"), ("alt_r-8", "\\"),
           ("less", "<"), ("kp_add", "+")],
}


@pytest.mark.parametrize("layout", sorted(TYPED))
def test_layout(layout):
    with vmlib.boot(f"keymap={layout} console=com1,vga", monitor=True) as vm:
        expect_demo(vm)
        vm.send("\x010") # the shell echoes and has no completion
        vm.expect(r"> ", 10)
        vm.quiet(0.5)
        for key, _ in TYPED[layout]:
            vm.mon(f"sendkey {key}")
        echoed = vm.quiet(1)
        wanted = "".join(c for _, c in TYPED[layout])
        assert echoed == wanted, (echoed, wanted)
