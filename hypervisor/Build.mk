# The hypervisor: one freestanding image in the flavour hv, a module for Linux and their tests. Nothing of it is part of `all`:
#   make hypervisor         the image and the module
#   make hypervisor-check   hosted tests, and all boots under QEMU (`make check` has the core of them)
# hv: kern's flags; vector registers only inside libbearssl.a, between crypto_begin and crypto_end.
comma := ,
hv.cc    = $(CC)
hv.flags = $(patsubst -O2,$(if $(findstring clang,$(CC)),-Oz,-Os),$(hv_hot.flags))
# The same but for speed: what runs at each entry into an enclave and each exit (hv_fast), instead of for size.
hv_hot.cc    = $(CC)
hv_hot.flags = $(filter-out $(kern_defines) -fno-omit-frame-pointer,$(kern.flags)) -DCLOISTER_HYPERVISOR -fdata-sections \
               $(if $(findstring clang,$(CC)),,-falign-functions=1 -falign-jumps=1 -falign-loops=1 -falign-labels=1)
hv_fast := $(addprefix hypervisor/,arch/x86/svm/enter.c arch/x86/svm/exit.c core/guest_memory.c mem/owner.c sgx/enter.c sgx/encls.c sgx/enclu.c sgx/aex.c sgx/ssa.c \
           sgx/space.c sgx/address.c sgx/epcm.c)
hv.ld    = -nostdlib -static-pie -Wl,-z,text,-z,noexecstack,-z,separate-code,-z,norelro,--build-id=none,--gc-sections,-e,image_entry,-T,hypervisor/image.ld
$(eval $(call flavour_,hv))
$(eval $(call flavour_,hv_hot))

hv_folders ?= core mem sgx crypto trust arch/x86/svm
hv_sources := $(filter-out %_test.c %_fuzz.c,$(wildcard $(hv_folders:%=hypervisor/%/*.c) $(hv_folders:%=hypervisor/%/*.S))) \
              lib/base/string.c lib/base/fmt.c
hv_objects := $(call objs,hv,$(filter-out $(hv_fast),$(hv_sources))) $(call objs,hv_hot,$(filter $(hv_fast),$(hv_sources)))
# Debian's archive, not installed where only the rest is built.
hv_libs    := $(if $(wildcard /usr/lib/*/libbearssl.a),-Wl$(comma)-Bstatic -lbearssl)
$(O)/bin/cloister-hypervisor: $(hv_objects) hypervisor/image.ld
	$(call say,LD,$@)mkdir -p $(@D); $(hv.cc) $(hv.ld) -o $@ $(hv_objects) $(hv_libs)

# The module: built by Kbuild in a copy of its folder, against headers that hypervisor/tests/boot/fetch unpacks.
hv_cache   := $(CURDIR)/out/hypervisor-cache
$(O)/hv/module/cloister.ko: $(wildcard hypervisor/linux/*) hypervisor/tests/boot/fetch hypervisor/tests/boot/module abi/hypercall.h FORCE
	@hypervisor/tests/boot/module '$(hv_cache)' hypervisor/linux '$(@D)'
hypervisor: $(O)/bin/cloister-hypervisor $(O)/hv/module/cloister.ko ## the hypervisor's image and module

-include hypervisor/tests/Build.mk hypervisor/loader/Build.mk hypervisor/install/Build.mk
# Boots under QEMU: those that `make check` has time for, all others in `make check-long`. hypervisor-boots builds what they need;
# without Debian's kernel (offline) they are skipped.
boot_runs   = $(foreach t,$1,'hypervisor/boot/$t@3600=$(CURDIR)/hypervisor/tests/run $(CURDIR)/hypervisor/tests/boot/$t.sh')
boots      := $(basename $(notdir $(wildcard hypervisor/tests/boot/*.sh)))
boots_core := $(if $(filter asan tsan cov fuzz,$(CONFIG)),,$(filter $(boots),demote memory registers refuse enclave enclave-attacks))
hypervisor-boots: $(O)/bin/cloister-hypervisor $(loader_files)
	@hypervisor/tests/boot/module '$(hv_cache)' hypervisor/linux '$(O)/hv/module' || [ $$? = 77 ]
hypervisor-check: hypervisor $(hypervisor_tests) $(loader_files) $(O)/bench/hypervisor_plugin.so ## the hypervisor's tests, boots under QEMU last
	@$(tests_env) tests/run $(foreach t,$(hypervisor_tests),'hypervisor/$(notdir $t)=$(CURDIR)/$t') \
	'hypervisor/instructions@900=$(CURDIR)/bench/hypervisor --only counts --quick' $(call boot_runs,$(boots))
.PHONY: hypervisor hypervisor-boots hypervisor-check
