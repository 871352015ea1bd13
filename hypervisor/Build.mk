# The hypervisor: one freestanding image in the flavour hv, a module for Linux and their tests. Nothing of it is part of `all` yet:
#   make hypervisor         the image and the module
#   make hypervisor-check   hosted tests, and the boots under QEMU
# hv: kern's flags; vector registers only inside libmbedcrypto.a, between crypto_begin and crypto_end.
comma := ,
hv.cc    = $(CC)
hv.flags = $(filter-out $(kern_defines),$(kern.flags)) -DCLOISTER_HYPERVISOR
hv.ld    = -nostdlib -static-pie -Wl,-z,text,-z,noexecstack,-z,separate-code,-z,norelro,--build-id=none,--gc-sections,-e,image_entry,-T,hypervisor/image.ld
$(eval $(call flavour_,hv))

hv_folders ?= core mem sgx crypto trust arch/x86/svm
hv_sources := $(filter-out %_test.c %_fuzz.c,$(wildcard $(hv_folders:%=hypervisor/%/*.c) $(hv_folders:%=hypervisor/%/*.S))) \
              lib/base/string.c lib/base/fmt.c
hv_objects := $(call objs,hv,$(hv_sources))
# Debian's archive, not installed where only the rest is built.
hv_libs    := $(if $(wildcard /usr/lib/*/libmbedcrypto.a),-Wl$(comma)-Bstatic -lmbedcrypto)
$(O)/bin/cloister-hypervisor: $(hv_objects) hypervisor/image.ld
	$(call say,LD,$@)mkdir -p $(@D); $(hv.cc) $(hv.ld) -o $@ $(hv_objects) $(hv_libs)

# The module: built by Kbuild in a copy of its folder, against headers that hypervisor/tests/boot/fetch unpacks.
hv_cache   := $(CURDIR)/out/hypervisor-cache
$(O)/hv/module/cloister.ko: $(wildcard hypervisor/linux/*) hypervisor/tests/boot/fetch hypervisor/tests/boot/module abi/hypercall.h FORCE
	@hypervisor/tests/boot/module '$(hv_cache)' hypervisor/linux '$(@D)'
hypervisor: $(O)/bin/cloister-hypervisor $(O)/hv/module/cloister.ko ## the hypervisor's image and module

-include hypervisor/tests/Build.mk hypervisor/loader/Build.mk
hypervisor-check: hypervisor $(hypervisor_tests) $(loader_files) ## the hypervisor's tests, boots under QEMU last
	@TEST_TIMEOUT=1200 $(tests_env) tests/run $(foreach t,$(hypervisor_tests),'hypervisor/$(notdir $t)=$(CURDIR)/$t') \
	$(foreach t,$(wildcard hypervisor/tests/boot/*.sh),'hypervisor/boot/$(basename $(notdir $t))=$(CURDIR)/hypervisor/tests/run $(CURDIR)/$t')
.PHONY: hypervisor hypervisor-check
