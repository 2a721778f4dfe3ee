# SPDX-License-Identifier: MIT
"""The folder of `make netboot`, served by QEMU's own DHCP and TFTP: GRUB by PXE
on a BIOS and on UEFI, and the script for iPXE, which QEMU's card ROMs are."""
import os

import bootlib
import pytest
import vmlib
from common import expect_demo, poweroff, uefi_vm

slow = pytest.mark.slow
WORDS = "console=com1 exit=debug-exit"

pytestmark = pytest.mark.skipif(
    not os.path.isfile(os.path.join(bootlib.NETBOOT, "ringside.ipxe")),
    reason="make netboot has not run")


@pytest.fixture(scope="module")
def folder(scratch):
    return bootlib.netboot_folder(scratch, "netboot", WORDS)


@pytest.mark.parametrize("model", [
    "e1000", pytest.param("rtl8139", marks=slow), pytest.param("pcnet", marks=slow),
    pytest.param("virtio-net-pci", marks=slow)])
def test_grub_pxe_bios(folder, model):
    args = bootlib.network(folder, "/boot/grub/i386-pc/core.0", model)
    with vmlib.Vm(args, timeout=90) as vm:
        expect_demo(vm, "multiboot2", 60)
        poweroff(vm)


@pytest.mark.parametrize("bits,target", [
    (64, "x86_64-efi"), pytest.param(32, "i386-efi", marks=slow)])
def test_grub_pxe_uefi(scratch, folder, bits, target):
    """The firmware's own network stack, not the card's ROM."""
    args = bootlib.network(folder, f"/boot/grub/{target}/core.efi", rom=False)
    with uefi_vm(scratch, bits, args, timeout=180) as vm:
        expect_demo(vm, "multiboot2", 150)
        poweroff(vm)


def test_ipxe_bios(folder):
    """iPXE takes the multiboot 1 header."""
    args = bootlib.network(folder, "ringside.ipxe", "e1000")
    with vmlib.Vm(args, timeout=90) as vm:
        expect_demo(vm, "multiboot1", 60)
        poweroff(vm)


@slow
def test_ipxe_uefi(scratch, folder):
    """There iPXE knows no multiboot: the script goes on with GRUB."""
    with uefi_vm(scratch, 64, bootlib.network(folder, "ringside.ipxe")) as vm:
        expect_demo(vm, "multiboot2", 100)
        poweroff(vm)
