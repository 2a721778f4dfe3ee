# SPDX-License-Identifier: MIT
"""What check-linux puts together for a Linux guest: an initrd of Debian's
static i386 busybox and tests/linux/rstest, and a disk image."""
import gzip
import hashlib
import os
import random
import re
import stat
import subprocess

import vmlib

BUILD = os.path.join(vmlib.TOP, "build", "linux")
BUSYBOX_PACKAGE = "busybox-static"

RSTEST_FLAGS = ("-m32 -static -nostdlib -O2 -march=i686 -std=gnu11 "
                "-ffreestanding -fno-pic -no-pie -fno-stack-protector "
                "-Wall -Wextra -Werror -Wl,--build-id=none").split()

INIT = """#!/bin/sh
export PATH=/bin:/sbin HOME=/ TERM=dumb PS1='rs# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /tmp
mount -t devtmpfs devtmpfs /dev 2>/dev/null ||
    while read -r major minor blocks name; do
        case $name in vd*) mknod /dev/$name b $major $minor ;; esac
    done < /proc/partitions
echo 0 > /proc/sys/kernel/printk
echo "RS-INIT" "$(uname -r)"
while :; do
    setsid cttyhack sh -i
    sleep 1
done
"""

# What a boot with some work costs the host: forks, pipes, 32 MiB touched, a checksum.
WORK_INIT = """#!/bin/sh
export PATH=/bin:/sbin
mount -t proc proc /proc
i=0
while [ $i -lt 300 ]; do /bin/busybox true; i=$((i+1)); done
i=0
while [ $i -lt 100 ]; do echo $i | cat | grep -q $i; i=$((i+1)); done
/bin/rstest memory 32
dd if=/dev/zero bs=64k count=256 2>/dev/null | md5sum
echo RS-WORK-DONE
grep -q hvc0 /proc/cmdline && poweroff -f
reboot -f
"""

DEVICES = [("console", 5, 1), ("tty", 5, 0), ("null", 1, 3), ("zero", 1, 5),
           ("urandom", 1, 9), ("hvc0", 229, 0), ("ttyS0", 4, 64)]


class Trouble(Exception):
    """Something the user has to mend; its text is one sentence."""


def fetch_busybox():
    """build/linux/busybox out of the i386 package."""
    path = os.path.join(BUILD, "busybox")
    if os.path.isfile(path):
        return path
    root = os.geteuid() == 0
    sudo = [] if root else ["sudo"]
    foreign = subprocess.run(["dpkg", "--print-foreign-architectures"],
                             capture_output=True, text=True).stdout.split()
    if "i386" not in foreign:
        subprocess.run(sudo + ["dpkg", "--add-architecture", "i386"], check=True)
    get = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root",
           BUSYBOX_PACKAGE + ":i386"]
    out = subprocess.run(get, cwd=BUILD, capture_output=True, text=True)
    if out.returncode:
        # Index files may be missing in part; the download decides.
        subprocess.run(sudo + ["apt-get", "update", "-qq"], capture_output=True)
        out = subprocess.run(get, cwd=BUILD, capture_output=True, text=True)
    if out.returncode:
        raise Trouble(f"{' '.join(get)} failed: {out.stderr.strip()[-200:]}")
    deb = [f for f in os.listdir(BUILD) if f.startswith(BUSYBOX_PACKAGE) and
           f.endswith(".deb")]
    tree = os.path.join(BUILD, "busybox-package")
    subprocess.run(["dpkg-deb", "-x", os.path.join(BUILD, deb[0]), tree],
                   check=True)
    for inside in ("bin/busybox", "usr/bin/busybox"):
        if os.path.isfile(os.path.join(tree, inside)):
            os.replace(os.path.join(tree, inside), path)
    os.chmod(path, 0o755)
    return path


def applets(busybox):
    """The applet names, asked of the program itself: an i386 static binary
    runs on every x86 Linux."""
    out = subprocess.run([busybox, "--list-full"], capture_output=True,
                         text=True)
    names = {os.path.basename(x) for x in out.stdout.split()}
    return sorted(names - {"busybox", ""})


def build_rstest():
    path = os.path.join(BUILD, "rstest")
    src = [os.path.join("tests/linux", f)
           for f in sorted(os.listdir(os.path.join(vmlib.TOP, "tests/linux")))
           if f.endswith(".c")]
    subprocess.run(["gcc"] + RSTEST_FLAGS + ["-o", path] + src, cwd=vmlib.TOP,
                   check=True)
    return path


class Cpio:
    """A newc archive, written by hand so that device nodes need no root."""

    def __init__(self):
        self.data = bytearray()
        self.inode = 1

    def add(self, name, mode, body=b"", major=0, minor=0):
        fields = [self.inode, mode, 0, 0, 1, 0, len(body), 0, 0, major, minor,
                  len(name) + 1, 0]
        self.data += b"070701" + b"".join(b"%08X" % f for f in fields)
        self.data += name.encode() + b"\0"
        self.pad()
        self.data += body
        self.pad()
        self.inode += 1

    def pad(self):
        self.data += b"\0" * (-len(self.data) % 4)

    def finish(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def build_initrd(init=INIT, file="initrd.gz"):
    """build/linux/FILE, with this /init"""
    os.makedirs(BUILD, exist_ok=True)
    busybox = fetch_busybox()
    rstest = build_rstest()
    cpio = Cpio()
    for d in ("bin", "dev", "etc", "proc", "sys", "tmp", "mnt"):
        cpio.add(d, stat.S_IFDIR | 0o755)
    with open(busybox, "rb") as f:
        cpio.add("bin/busybox", stat.S_IFREG | 0o755, f.read())
    for name in applets(busybox):
        cpio.add("bin/" + name, stat.S_IFLNK | 0o777, b"busybox")
    cpio.add("sbin", stat.S_IFLNK | 0o777, b"bin")
    with open(rstest, "rb") as f:
        cpio.add("bin/rstest", stat.S_IFREG | 0o755, f.read())
    for name, major, minor in DEVICES:
        cpio.add("dev/" + name, stat.S_IFCHR | 0o666, b"", major, minor)
    cpio.add("init", stat.S_IFREG | 0o755, init.encode())
    path = os.path.join(BUILD, file)
    with open(path, "wb") as f:
        f.write(gzip.compress(cpio.finish(), 9, mtime=0))
    return path


def build_bare_initrd():
    """An initrd with nothing but /init, which is rstest. After build_initrd."""
    cpio = Cpio()
    cpio.add("dev", stat.S_IFDIR | 0o755)
    cpio.add("dev/console", stat.S_IFCHR | 0o600, b"", 5, 1)
    with open(os.path.join(BUILD, "rstest"), "rb") as f:
        cpio.add("init", stat.S_IFREG | 0o755, f.read())
    path = os.path.join(BUILD, "bare.gz")
    with open(path, "wb") as f:
        f.write(gzip.compress(cpio.finish(), 9, mtime=0))
    return path


def build_disk(mib=4):
    """A disk with known contents: (path, md5)."""
    path = os.path.join(BUILD, "disk.img")
    data = random.Random(1).randbytes(mib << 20)
    with open(path, "wb") as f:
        f.write(data)
    return path, hashlib.md5(data).hexdigest()


# Without what Linux 2.6.28 does not know.
FS_OPTIONS = {"ext3": [], "ext4": ["-O", "^metadata_csum,^64bit"]}


def build_fs_disks(mib=8):
    """[(file system, path)]: empty, with a journal."""
    made = []
    for fs, options in FS_OPTIONS.items():
        path = os.path.join(BUILD, fs + ".img")
        with open(path, "wb") as f:
            f.truncate(mib << 20)
        make = ["/sbin/mke2fs", "-q", "-F", "-t", fs, "-b", "1024", "-J", "size=1"]
        out = subprocess.run(make + options + [path], capture_output=True, text=True)
        if out.returncode:
            raise Trouble(f"{' '.join(make)}: {out.stderr.strip()[-200:]}")
        made.append((fs, path))
    return made


def find_kernels(folder):
    """[(name, image kind, path)] of a folder with one folder per kernel."""
    found = []
    for name in sorted(os.listdir(folder)):
        for kind in ("bzImage", "vmlinux"):
            path = os.path.join(folder, name, kind)
            if os.path.isfile(path):
                found.append((name, kind, os.path.abspath(path)))
    return found


def guest_name(text):
    """A guest name out of a folder name (docs/usage.md, Modules)."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", text)[:31]
    return name if name[:1].isalnum() else "k" + name[:30]


class Shell:
    """Commands to the busybox shell on the console of a running system."""

    def __init__(self, vm):
        self.vm = vm
        self.number = 0

    def wait_ready(self, timeout):
        match = self.vm.expect(r"RS-INIT (\S+)\s", timeout)
        self.release = match.group(1)
        self.vm.expect(r"rs# ", timeout)

    def run(self, command, timeout=60):
        """Returns (exit status, output). The end mark is put together by the
        shell, so that the echo of the command is not taken for it."""
        self.number += 1
        mark = f"RSEND{self.number}"
        start = len(self.vm.text)
        self.vm.send(f"{command}; echo RSE''ND{self.number}:$?:\r")
        match = self.vm.expect(mark + r":(\d+):", timeout)
        out = self.vm.text[start:].replace("\r", "")
        out = out[:out.rindex(mark)]
        return int(match.group(1)), out.partition("\n")[2]
