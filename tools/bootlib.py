# SPDX-License-Identifier: MIT
"""What the boot tests and `make matrix` boot from: firmware, images, network
folders. Nothing here starts a machine; vmlib.py does."""
import os
import re
import shutil
import subprocess

import vmlib

TOP = vmlib.TOP
ESP = os.path.join(TOP, "build", "esp")
ISO = os.path.join(TOP, "build", "ringside.iso")
NETBOOT = os.path.join(TOP, "build", "netboot")
OVMF = "/usr/share/OVMF"
PFLASH = "if=pflash,format=raw"


class MissingPackage(Exception):
    """A vehicle's package is not installed; the text names it."""


def need(path, package):
    if not os.path.exists(path):
        raise MissingPackage(f"{package} is not installed")
    return path


def call(*command):
    """Runs a tool; its complaint becomes the exception."""
    out = subprocess.run(command, capture_output=True, text=True)
    if out.returncode:
        raise RuntimeError(f"{command[0]}: {out.stderr[-500:]}")


def uefi(bits, scratch):
    """Options of vmlib.Vm and QEMU's arguments for OVMF of 64 or 32 bits. The
    variables are a fresh copy: used ones can hang the next boot."""
    if bits == 64:
        code, variables = "OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"
        options = {"qemu": "qemu-system-x86_64", "machine": "q35"}
        args = []
    else:
        code, variables = "OVMF32_CODE_4M.secboot.fd", "OVMF32_VARS_4M.fd"
        options = {"machine": "q35,smm=on"}
        args = ["-global", "driver=cfi.pflash01,property=secure,value=on"]
    package = "ovmf" if bits == 64 else "ovmf-ia32"
    need(os.path.join(OVMF, code), package)
    own = os.path.join(str(scratch), f"vars{bits}-{len(os.listdir(scratch))}.fd")
    shutil.copy(os.path.join(OVMF, variables), own)
    args += ["-drive", f"{PFLASH},readonly=on,file={OVMF}/{code}",
             "-drive", f"{PFLASH},file={own}"]
    return options, args


# ---- where an image is plugged in ----

def cd(image):
    return ["-boot", "d", "-drive",
            f"file={image},media=cdrom,if=ide,readonly=on"]


def disk(image):
    return ["-drive", f"file={image},format=raw,if=ide,snapshot=on"]


def stick(image, controller="qemu-xhci"):
    return ["-device", f"{controller},id=hc", "-drive",
            f"id=u,if=none,file={image},format=raw,snapshot=on",
            "-device", "usb-storage,bus=hc.0,drive=u,bootindex=0"]


def network(folder, bootfile, model="virtio-net-pci", rom=True):
    """A card on QEMU's own network, whose DHCP and TFTP offer a folder. With
    the card's ROM, iPXE asks for it; without, the firmware does."""
    return ["-netdev", f"user,id=n0,tftp={folder},bootfile={bootfile}",
            "-device", f"{model},netdev=n0,bootindex=0" +
            ("" if rom else ",romfile="), "-boot", "n"]


# ---- images ----

def stripped(scratch, elf=vmlib.ELF):
    path = os.path.join(str(scratch), "ringside.elf")
    call("objcopy", "--strip-all", elf, path)
    return path


def without_multiboot1(scratch, elf=vmlib.ELF):
    """The ELF without its multiboot1 header, so that QEMU takes the PVH note:
    with both present multiboot1 would win."""
    with open(elf, "rb") as f:
        data = bytearray(f.read())
    at = data.find((0x1BADB002).to_bytes(4, "little"), 0, 8192)
    if at < 0:
        raise RuntimeError("no multiboot1 magic in the first 8 KiB")
    data[at:at + 4] = b"\0\0\0\0"
    path = os.path.join(str(scratch), "pvh.elf")
    with open(path, "wb") as f:
        f.write(data)
    return path


def esp_image(scratch, name, conf, files=(), without=(), mib=16):
    """A FAT volume like that of `make esp`: conf (text, None: no such file) and
    files {name in \\ringside: path}; `without` leaves some of the usual out."""
    path = os.path.join(str(scratch), name + ".img")
    with open(path, "wb") as f:
        f.truncate(mib << 20)
    call("mformat", "-i", path, "-v", "RINGSIDE", "::")
    call("mcopy", "-i", path, "-s", os.path.join(ESP, "EFI"), "::")
    call("mmd", "-i", path, "::ringside")
    content = {"ringside.elf": os.path.join(ESP, "ringside", "ringside.elf")}
    content.update(files)
    if conf is not None:
        content["ringside.conf"] = os.path.join(str(scratch), name + ".conf")
        with open(content["ringside.conf"], "w", encoding="ascii") as f:
            f.write(conf)
    for target, source in content.items():
        if target not in without:
            call("mcopy", "-i", path, source, "::ringside/" + target)
    return path


GRUB_MODULES = ("multiboot2 multiboot normal serial terminal echo iso9660 "
                "part_msdos part_gpt fat boot all_video test ls")


def grub_image(scratch, name, commands, files):
    """A hybrid image with one menu entry of GRUB commands and files {name in
    /boot: path}."""
    tree = os.path.join(str(scratch), name)
    os.makedirs(os.path.join(tree, "boot", "grub"))
    for target, source in files.items():
        shutil.copy(source, os.path.join(tree, "boot", target))
    with open(os.path.join(tree, "boot", "grub", "grub.cfg"), "w",
              encoding="ascii") as f:
        f.write('set timeout=0\nif [ "$grub_platform" = efi ]; then\n'
                "  insmod all_video\nfi\n"
                "menuentry test {\n" + commands + "}\n")
    path = tree + ".iso"
    call("grub-mkrescue", "-o", path, "--fonts=", "--locales=", "--themes=",
         "--install-modules=" + GRUB_MODULES, tree)
    return path


def netboot_folder(scratch, name, words):
    """build/netboot with words behind every command line and no waiting."""
    folder = os.path.join(str(scratch), name)
    shutil.copytree(NETBOOT, folder)
    for config in ("boot/grub/grub.cfg", "ringside.ipxe"):
        path = os.path.join(folder, config)
        with open(path, encoding="ascii") as f:
            text = f.read()
        text = re.sub(r"(boot/ringside\.elf[^\n&]*?)( &&|\n)",
                      rf"\1 {words}\2", text)
        text = text.replace("timeout=3", "timeout=0").replace(
            "--timeout 3000", "--timeout 1")
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
    return folder
