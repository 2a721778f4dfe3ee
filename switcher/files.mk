# Sources of switcher/: the world switch.
monitor-src += switcher/switcher.asm switcher/map.c
