# SPDX-License-Identifier: MIT
"""Starts QEMU (always TCG, always within a time limit) and talks to its serial
port and monitor. Shared by tests/boot, check-linux, mutate and the suite.

A run is judged by what it prints, never by the exit status alone: a triple
fault under -no-reboot ends like a clean power-off.
"""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

import pexpect

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ELF = os.path.join(TOP, "build", "ringside.elf")
QEMU = os.environ.get("QEMU", "qemu-system-i386")
ACCEL = os.environ.get("ACCEL", "tcg")
EXIT_OK, EXIT_FAIL = 1, 3  # isa-debug-exit: (value << 1) | 1


def quote(text):
    """A comma inside of a -append or -initrd string is written twice."""
    return text.replace(",", ",,")


def initrd(*modules):
    """The -initrd argument of (file, string) pairs."""
    return ",".join(quote(path) + (" " + quote(text) if text else "")
                    for path, text in modules)


class Vm:
    """One QEMU with its serial port on a pexpect spawn; `text` is all that
    was seen so far."""

    def __init__(self, args, memory=256, timeout=60, cpu=None, machine=None,
                 qemu=None, monitor=False, icount=False, smp=None,
                 debug_exit=True, reboot=False, serial=True, shift=0):
        self.scratch = tempfile.mkdtemp(prefix="rsvm")
        self.timeout = timeout
        cmd = [qemu or QEMU]
        if machine:
            cmd += ["-machine", machine]
        cmd += ["-accel", ACCEL, "-m", str(memory), "-display", "none",
                "-nic", "none"]
        if cpu:
            cmd += ["-cpu", cpu]
        if smp:
            cmd += ["-smp", str(smp)]
        if not reboot:
            cmd += ["-no-reboot"]
        if icount:
            cmd += ["-icount", f"shift={shift},sleep=off"]  # 2^shift ns each
        if debug_exit:
            cmd += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        if serial:
            cmd += ["-chardev", "stdio,signal=off,id=ser",
                    "-serial", "chardev:ser"]
        self.monitor_path = None
        if monitor:
            self.monitor_path = os.path.join(self.scratch, "mon")
            cmd += ["-monitor", f"unix:{self.monitor_path},server,nowait"]
        else:
            cmd += ["-monitor", "none"]
        cmd += list(args)
        self.command = cmd
        # timeout(1) is the last resort if this very process is killed.
        self.child = pexpect.spawn(
            "timeout", ["--foreground", "-k", "5", str(timeout + 30)] + cmd, timeout=timeout,
            encoding="utf-8", codec_errors="replace", echo=False,
            maxread=65536, searchwindowsize=4096, cwd=TOP)
        self.child.delaybeforesend = None
        self.end = time.monotonic() + timeout
        self.text = ""
        self._mon = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def left(self):
        return max(0.1, self.end - time.monotonic())

    def expect(self, pattern, timeout=None):
        """Waits for a regular expression (or a list); returns the match.
        Raises AssertionError with the tail of the log."""
        patterns = pattern if isinstance(pattern, list) else [pattern]
        limit = min(self.left(), timeout) if timeout else self.left()
        try:
            index = self.child.expect(patterns, timeout=limit)
        except (pexpect.TIMEOUT, pexpect.EOF) as why:
            # After a timeout the text stays to be matched by the next call.
            seen = self.text + (self.child.before or "")
            kind = "timeout"
            if isinstance(why, pexpect.EOF):
                kind, self.text = "QEMU ended", seen
            raise AssertionError(
                f"{kind}: no {' or '.join(map(repr, patterns))} in:\n"
                + tail(seen)) from None
        self.text += self.child.before + self.child.after
        self.index = index
        return self.child.match

    def quiet(self, seconds):
        """What is printed until nothing has come for so long."""
        start = len(self.text)
        try:
            while self.left() > 0.2:
                self.child.expect(r".+", timeout=seconds)
                self.text += self.child.before + self.child.after
        except (pexpect.TIMEOUT, pexpect.EOF):
            pass
        return self.text[start:].replace("\r", "")

    def send(self, text):
        self.child.send(text)

    def finish(self, timeout=None):
        """Reads until QEMU ends; returns its exit status (-N: QEMU itself died
        of signal N; None: it had to be stopped)."""
        try:
            self.child.expect(pexpect.EOF,
                              timeout=min(self.left(), timeout or 1e9))
            ended = True
        except pexpect.TIMEOUT:
            ended = False
        self.text += self.child.before or ""
        self.close()
        if not ended:
            return None
        if self.child.signalstatus is not None:
            return -self.child.signalstatus
        return self.child.exitstatus

    def mon(self, command):
        """A command to QEMU's monitor; returns its answer."""
        if self._mon is None:
            for _ in range(100):
                try:
                    sock = socket.socket(socket.AF_UNIX)
                    sock.connect(self.monitor_path)
                    break
                except OSError:
                    sock.close()
                    time.sleep(0.05)
            sock.settimeout(10)
            self._mon = sock
            self._mon_read()
        self._mon.sendall(command.encode() + b"\n")
        return self._mon_read()

    def _mon_read(self):
        data = b""
        while not data.endswith(b"(qemu) "):
            more = self._mon.recv(65536)
            if not more:
                break
            data += more
        return data.decode(errors="replace")

    def close(self):
        if self._mon is not None:
            self._mon.close()
            self._mon = None
        if self.child.isalive():
            self.child.terminate(force=False)
            try:
                self.child.expect(pexpect.EOF, timeout=5)
            except (pexpect.TIMEOUT, pexpect.EOF, OSError):
                pass
        self.child.close(force=True)
        shutil.rmtree(self.scratch, ignore_errors=True)


def tail(text, lines=25):
    return "\n".join(text.replace("\r", "").split("\n")[-lines:])


def boot(append="", modules=(), elf=None, extra=(), **options):
    """Ringside by -kernel with console=com1 and debug-exit unless the command
    line says otherwise."""
    words = append.split()
    if not any(w.startswith("console=") for w in words):
        words.insert(0, "console=com1")
    if not any(w.startswith("exit=") for w in words):
        words.append("exit=debug-exit")
    args = ["-kernel", elf or ELF, "-append", " ".join(words)]
    if modules:
        args += ["-initrd", initrd(*modules)]
    return Vm(args + list(extra), **options)


def run(append="", **options):
    """Boots, waits until QEMU ends; (exit status, text)."""
    vm = boot(append, **options)
    status = vm.finish()
    return status, vm.text.replace("\r", "")


def have(program):
    return shutil.which(program) is not None


def have_plugins():
    out = subprocess.run([QEMU, "-help"], capture_output=True, text=True)
    return re.search(r"^-plugin ", out.stdout, re.M) is not None


def build_plugin(name):
    """build/plugin/NAME.so of tests/plugin/NAME.c."""
    path = os.path.join(TOP, "build", "plugin", name + ".so")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-fvisibility=hidden", "-Wall",
                    "-Wextra", "-Werror", "-o", path, f"tests/plugin/{name}.c"],
                   cwd=TOP, check=True)
    return path


def qemu_version():
    out = subprocess.run([QEMU, "--version"], capture_output=True, text=True)
    m = re.search(r"version (\S+)", out.stdout)
    return m.group(1) if m else "unknown"
