# SPDX-License-Identifier: MIT
"""A client for QEMU's gdb stub: breakpoints, registers, memory, monitor
commands. Only what the tests need; gdb itself would be too slow for a thousand
stops."""
import re
import socket
import subprocess
import time

import vmlib

REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip",
             "eflags", "cs", "ss", "ds", "es", "fs", "gs"]


def symbol(name):
    out = subprocess.run(["nm", vmlib.ELF], capture_output=True, text=True,
                         check=True).stdout
    return int(re.search(rf"^([0-9a-f]+) \w {name}$", out, re.M).group(1), 16)


class GdbStub:
    """Connecting stops the machine."""

    def __init__(self, path, timeout=20):
        self.sock = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + timeout
        while True:
            try:
                self.sock.connect(path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self.sock.settimeout(timeout)
        self.data = b""
        self.ask("?")

    def _byte(self):
        while not self.data:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError("the machine has ended")
            self.data = more
        b, self.data = self.data[:1], self.data[1:]
        return b

    def _send(self, text):
        body = text.encode()
        self.sock.sendall(b"$" + body + b"#%02x" % (sum(body) & 255))

    def _packet(self):
        while self._byte() != b"$":
            pass
        body = b""
        while (b := self._byte()) != b"#":
            body += b
        self._byte()
        self._byte()
        self.sock.sendall(b"+")
        return body.decode(errors="replace")

    def ask(self, text):
        self._send(text)
        return self._packet()

    def registers(self):
        """The general and segment registers, CR2 and CR3."""
        raw = bytes.fromhex(self.ask("g"))
        words = [int.from_bytes(raw[i:i + 4], "little")
                 for i in range(0, 76 + 32, 4)]
        found = dict(zip(REGISTERS, words))
        # fs_base, gs_base, k_gs_base, then cr0, cr2, cr3 (QEMU's i386 XML)
        found["cr2"], found["cr3"] = words[20], words[21]
        return found

    def breakpoint(self, address, on=True):
        assert self.ask(f"{'Z' if on else 'z'}0,{address:x},1") == "OK"

    def read(self, address, n):
        """In pieces, as the stub's packets are short."""
        return b"".join(bytes.fromhex(self.ask(f"m{address + at:x},{min(n - at, 1024):x}"))
                        for at in range(0, n, 1024))

    def write(self, address, data):
        assert self.ask(f"M{address:x},{len(data):x}:{data.hex()}") == "OK"

    def monitor(self, command):
        """A command to QEMU's monitor through the stub."""
        self._send("qRcmd," + command.encode().hex())
        out = ""
        while True:
            answer = self._packet()
            if answer == "OK":
                return out
            if answer.startswith("O"):
                out += bytes.fromhex(answer[1:]).decode(errors="replace")
            else:
                return out

    def go(self):
        """Runs on; stopped() says when a breakpoint was met."""
        self._send("c")

    def stopped(self, timeout):
        """False: the machine still runs after so long."""
        self.sock.settimeout(timeout)
        try:
            return self._packet().startswith(("T", "S"))
        except (socket.timeout, TimeoutError):
            return False
        finally:
            self.sock.settimeout(20)

    def run_to(self, address):
        self.breakpoint(address)
        self.go()
        assert self.stopped(120), f"never at {address:#x}"
        self.breakpoint(address, False)
        assert self.registers()["eip"] == address

    def interrupt(self):
        self.sock.settimeout(5)
        self.sock.sendall(b"\x03")
        self._packet()

    def detach(self):
        """Lets the machine run on, without a debugger."""
        self.ask("D")
        self.sock.close()
