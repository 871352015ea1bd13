# The launch with a TPM: hypervisor/trust but its real registers, a model of them, and swtpm behind it.
hv_trust := $(addprefix hypervisor/trust/,launch.c tpm.c tis.c) hypervisor/crypto/crypto.c lib/base/string.c
$(O)/unit/trust_test: $(call objs,unit,$(addprefix hypervisor/tests/trust/,trust_test.c fifo.c swtpm.c)) $(call objs,hosted,$(hv_trust))
	$(call say,LD,$@)mkdir -p $(@D); $(unit.cc) $(unit.ld) -o $@ $^ -Wl,-Bstatic -lbearssl -Wl,-Bdynamic
hypervisor_tests += $(O)/unit/trust_test
hv_trust_fuzz := $(addprefix hypervisor/trust/,launch.c tpm.c) hypervisor/crypto/crypto.c lib/base/string.c
$(O)/fuzz/trust: $(call objs,unit,hypervisor/tests/trust/trust_fuzz.c $(if $(filter fuzz,$(CONFIG)),,tests/fuzz/replay.c)) $(call objs,hosted,$(hv_trust_fuzz))
	$(call say,LD,$@)mkdir -p $(@D); $(unit.cc) $(patsubst -fsanitize=fuzzer-no-link%,-fsanitize=fuzzer%,$(unit.ld)) -o $@ $^ \
	-Wl,-Bstatic -lbearssl -Wl,-Bdynamic
fuzzers += $(if $(wildcard /usr/lib/*/libbearssl.a),$(O)/fuzz/trust)
