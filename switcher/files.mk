# Sources of switcher/: the world switch.
monitor-src += $(wildcard switcher/*.c switcher/*.asm)
