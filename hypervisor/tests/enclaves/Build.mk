# Hosted tests of ENCLU and of running enclaves: all of sgx/ and mem/ on the machine of arrays (tests/machine), scenes of tests/leaves.
hv_run_hosted := $(call hv_checked,$(filter-out %_test.c %_fuzz.c,$(wildcard hypervisor/sgx/*.c hypervisor/mem/*.c))) hypervisor/core/guest_memory.c \
                 hypervisor/crypto/crypto.c lib/base/string.c
hv_run_unit   := hypervisor/tests/enclaves/run_scene.c $(addprefix hypervisor/tests/leaves/,scene.c sign.c) \
                 $(addprefix hypervisor/tests/machine/,machine.c real.c)
define hv_run_
$(O)/unit/$1_test: $(call objs,unit,hypervisor/tests/enclaves/$1_test.c $(hv_run_unit)) $(call objs,hosted,$(hv_run_hosted))
	$$(call say,LD,$$@)mkdir -p $$(@D); $(unit.cc) $(unit.ld) -o $$@ $$^ -Wl,-Bstatic -lbearssl -Wl,-Bdynamic -lcrypto
hypervisor_tests += $(O)/unit/$1_test
endef
$(foreach t,enclu exit keys address remembered enclave_random,$(eval $(call hv_run_,$t)))
