# Sources of hv/: the hypervisor proper, all of each room.
hv-rooms := core control guest vcpu mmu vdev console console/shell suite lib
monitor-src += $(foreach r,$(hv-rooms),$(wildcard hv/$(r)/*.c))
