# SPDX-License-Identifier: MIT
"""The folder of `make netboot`, served by QEMU's own DHCP and TFTP: GRUB by PXE
on a BIOS and on UEFI, and the script for iPXE, which QEMU's card ROMs are."""
import os
import re

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


def command_register(vm):
    """Of the first device behind the machine's own, by configuration ports."""
    vm.mon("o /w 0xcf8 0x80001804")
    return int(re.search(r"= (0x\w+)", vm.mon("i /h 0xcfc")).group(1), 16)


def test_card_is_stopped(folder):
    """GRUB leaves the card running that it came over: it would go on writing
    what arrives to memory that is a guest's by now."""
    args = bootlib.network(folder, "/boot/grub/i386-pc/core.0", "e1000")
    with vmlib.Vm(args, timeout=90, monitor=True) as vm:
        vm.expect(r"\(RS\) firmware: 00:03\.0 \(8086:100e, class 0200\) could "
                  "write to memory, stopped", 60)
        expect_demo(vm, "multiboot2", 20)
        assert command_register(vm) & 7 == 3  # ports and memory, no master
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
