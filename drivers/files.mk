# Sources of drivers/: real hardware, all there are.
monitor-src += $(wildcard drivers/*/*.c)
