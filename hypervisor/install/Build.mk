# What a machine needs to start the hypervisor from its initramfs: docs/HYPERVISOR.md.
#   make install-hypervisor [DESTDIR=...] [prefix=...] [KERNEL=VERSION]
# The module is built for KERNEL (default: the one that runs) if its headers are installed; else only said how.
KERNEL ?= $(shell uname -r)
initramfs_tools ?= /etc/initramfs-tools
install-hypervisor: $(O)/bin/cloister-hypervisor ## the hypervisor, its module, and what starts it from an initramfs, for root
	install -d $(addprefix $(DESTDIR),/lib/firmware /etc/cloister $(initramfs_tools)/hooks $(initramfs_tools)/scripts/init-premount $(prefix)/sbin)
	strip -g -o $(DESTDIR)/lib/firmware/cloister-hypervisor $(O)/bin/cloister-hypervisor
	install hypervisor/install/initramfs-hook $(DESTDIR)$(initramfs_tools)/hooks/cloister
	install hypervisor/install/initramfs-launch $(DESTDIR)$(initramfs_tools)/scripts/init-premount/cloister
	install hypervisor/linux/cloister-memmap hypervisor/install/cloister-golden $(DESTDIR)$(prefix)/sbin
	[ -e $(DESTDIR)/etc/cloister/hypervisor.conf ] || install -m 644 hypervisor/install/hypervisor.conf $(DESTDIR)/etc/cloister/hypervisor.conf.example
	@if [ -d /lib/modules/$(KERNEL)/build ]; then \
		mkdir -p $(O)/hv/module-$(KERNEL) && cp hypervisor/linux/* $(O)/hv/module-$(KERNEL)/ && \
		$(MAKE) -C /lib/modules/$(KERNEL)/build M='$(CURDIR)/$(O)/hv/module-$(KERNEL)' CLOISTER_TOP='$(CURDIR)' modules && \
		install -D -m 644 $(O)/hv/module-$(KERNEL)/cloister.ko $(DESTDIR)/lib/modules/$(KERNEL)/updates/cloister.ko && \
		{ [ -n '$(DESTDIR)' ] || depmod $(KERNEL); }; \
	else echo 'no headers of Linux $(KERNEL): install linux-headers-$(KERNEL), then again, for the module'; fi
.PHONY: install-hypervisor
