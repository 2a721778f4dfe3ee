# Sources of drivers/: real hardware.
monitor-src += drivers/console/ns16550.c drivers/console/vga_text.c drivers/console/term.c drivers/console/cp437.c \
  drivers/console/screen.c drivers/console/framebuffer.c drivers/console/fb_draw.c drivers/console/font.c drivers/console/debugcon.c \
  drivers/input/ps2_keyboard.c drivers/input/keymap.c drivers/timer/pit.c drivers/timer/rtc.c drivers/timer/rtc_decode.c \
  drivers/irqchip/pic8259.c drivers/irqchip/lapic.c drivers/irqchip/ioapic.c \
  drivers/firmware/acpi.c drivers/firmware/acpi_tables.c drivers/firmware/acpi_power.c drivers/firmware/efi_tables.c \
  drivers/firmware/smbios.c drivers/firmware/usb_legacy.c drivers/bus/pci.c drivers/bus/pci_scan.c drivers/timer/hpet.c drivers/timer/pm_timer.c
