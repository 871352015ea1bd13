# Hosted tests of the ENCLS leaves on the machine of arrays. $(call hv_leaves,NAME): NAME_test.c here, with all of sgx/ that needs no hardware.
hv_machine := $(addprefix hypervisor/tests/machine/,machine.c real.c)
hv_memory  := $(call hv_checked,$(filter-out %_test.c %_fuzz.c,$(wildcard hypervisor/mem/*.c))) hypervisor/core/guest_memory.c
hv_encls   := $(addprefix hypervisor/sgx/,encls.c build.c einit.c measure.c modify.c msr_cpuid.c paging.c) \
              hypervisor/tests/checks/epcm.c hypervisor/crypto/crypto.c lib/base/string.c
hv_scene   := $(addprefix hypervisor/tests/leaves/,scene.c sign.c stubs.c)
define hv_leaves_
$(O)/unit/$1_test: $(call objs,unit,hypervisor/tests/leaves/$1_test.c $(hv_scene) $(hv_machine)) $(call objs,hosted,$(hv_encls) $(hv_memory))
	$$(call say,LD,$$@)mkdir -p $$(@D); $(unit.cc) $(unit.ld) -o $$@ $$^ -Wl,-Bstatic -lbearssl -Wl,-Bdynamic -lcrypto
hypervisor_tests += $(O)/unit/$1_test
hv_leaves_tests += $(O)/unit/$1_test
endef
$(foreach t,encls_build encls_paging einit,$(eval $(call hv_leaves_,$t)))
# Nothing but leaves, on the simple memory: for CONFIG=tsan as well.
$(O)/unit/leaves_threads_test: $(call objs,unit,hypervisor/tests/leaves/leaves_threads_test.c $(hv_scene) \
                               $(addprefix hypervisor/tests/machine/,machine.c walk.c)) $(call objs,hosted,$(hv_encls))
	$(call say,LD,$@)mkdir -p $(@D); $(unit.cc) $(unit.ld) -o $@ $^ -Wl,-Bstatic -lbearssl -Wl,-Bdynamic -lcrypto
hypervisor_tests += $(O)/unit/leaves_threads_test
# Everything that runs enclaves as well: what hypervisor/tests/enclaves/Build.mk names, which is read before this.
hv_random := $(call objs,hosted,$(hv_run_hosted))
$(O)/unit/leaves_random_test: $(call objs,unit,hypervisor/tests/leaves/leaves_random_test.c $(hv_run_unit)) $(hv_random)
	$(call say,LD,$@)mkdir -p $(@D); $(unit.cc) $(unit.ld) -o $@ $^ -Wl,-Bstatic -lbearssl -Wl,-Bdynamic -lcrypto
$(O)/fuzz/leaves: $(call objs,unit,hypervisor/tests/leaves/leaves_fuzz.c $(hv_run_unit) $(if $(filter fuzz,$(CONFIG)),,tests/fuzz/replay.c)) $(hv_random)
	$(call say,LD,$@)mkdir -p $(@D); $(unit.cc) $(patsubst -fsanitize=fuzzer-no-link%,-fsanitize=fuzzer%,$(unit.ld)) -o $@ $^ \
	-Wl,-Bstatic -lbearssl -Wl,-Bdynamic -lcrypto
hypervisor_tests += $(O)/unit/leaves_random_test
fuzzers += $(if $(wildcard /usr/lib/*/libbearssl.a),$(O)/fuzz/leaves)
$(O)/unit/crypto_test: $(call objs,unit,hypervisor/tests/leaves/crypto_test.c) \
                       $(call objs,hosted,hypervisor/crypto/crypto.c lib/base/string.c)
	$(call say,LD,$@)mkdir -p $(@D); $(unit.cc) $(unit.ld) -o $@ $^ -Wl,-Bstatic -lbearssl -Wl,-Bdynamic -lcrypto
hypervisor_tests += $(O)/unit/crypto_test
$(call unit,hypervisor/tests/leaves/layout)
hypervisor_tests += $(O)/unit/layout_test
$(call unit,hypervisor/tests/leaves/registers)
hypervisor_tests += $(O)/unit/registers_test
hypervisor-document: $(hv_leaves_tests) $(O)/unit/enclu_test ## docs/SGX-LEAVES.md from the tests' tables
	@O=$(O) hypervisor/tests/leaves/document
.PHONY: hypervisor-document
