# Enclaves of ours, what signs them and what runs them. `make loader` builds all of it.
#   enclave   flavour of what runs inside: kern's flags (freestanding, position independent, general registers only)
# The programs that run enclaves are static: they run in the initramfs of the boot tests.
enclave.cc    = $(CC)
enclave.flags = $(filter-out $(kern_defines),$(kern.flags))
enclave.ld    = -nostdlib -static-pie -Wl,-z,text,-z,noexecstack,-z,norelro,--build-id=none,--no-dynamic-linker,--hash-style=sysv,-z,max-page-size=4096 \
                -Wl,-T,hypervisor/loader/enclaves/enclave.ld,-e,enclave_start
$(eval $(call flavour_,enclave))

# $(call enclave_program,NAME)  hypervisor/loader/enclaves/NAME.c as $(O)/enclaves/NAME.enclave and its signature
define enclave_program_
$(O)/enclaves/$1.enclave: $(call objs,enclave,hypervisor/loader/enclaves/start.S hypervisor/loader/enclaves/$1.c lib/base/string.c) \
                          hypervisor/loader/enclaves/enclave.ld
	$$(call say,LD,$$@)mkdir -p $$(@D); $(enclave.cc) $(enclave.ld) -o $$@ $$(filter %.o,$$^)
$(O)/enclaves/$1.enclave.sig: $(O)/enclaves/$1.enclave $(O)/bin/cloister-attest
	$$(call say,SIGN,$$@)$(O)/bin/cloister-attest sgx sign $$< --key $(O)/enclaves/test-key.pem --new-key >$$<.identity
loader_files += $(O)/enclaves/$1.enclave $(O)/enclaves/$1.enclave.sig
endef
enclave_program = $(eval $(call enclave_program_,$1))
$(call enclave_program,checks)
$(call enclave_program,counter)
$(call enclave_program,attested)
$(O)/enclaves/counter.enclave.sig $(O)/enclaves/attested.enclave.sig: | $(O)/enclaves/checks.enclave.sig # one of them makes the key

# $(call hosted_program,NAME,SOURCES,LIBS)  as `program`, but no part of `all`
define hosted_program_
$(O)/bin/$1: $(call objs,host,$2)
	$$(call say,LD,$$@)mkdir -p $$(@D); $(host.cc) $(host.ld) -o $$@ $$^ $3
endef
hosted_program = $(eval $(call hosted_program_,$1,$2,$3))
# $(call loader_program,NAME,SOURCES,LIBS)  static, in $(O)/bin
loader_library := $(addprefix hypervisor/loader/,enclave.c layout.c enter.S)
define loader_program_
$(O)/bin/$1: $(call objs,host,$2)
	$$(call say,LD,$$@)mkdir -p $$(@D); $(host.cc) $(if $(filter asan tsan,$(CONFIG)),$(host.ld),$(filter-out -pie,$(host.ld)) -static-pie) -o $$@ $$^ $3
loader_files += $(O)/bin/$1
endef
loader_program = $(eval $(call loader_program_,$1,$2,$3))
$(call loader_program,counter-host,hypervisor/loader/samples/counter_host.c $(loader_library))
$(call loader_program,attested-host,hypervisor/loader/samples/attested_host.c $(loader_library) platform/quoting/aesm.c platform/quoting/aesm_client.c)
$(call loader_program,enclave-tests,$(wildcard hypervisor/loader/tests/*.c) $(loader_library) hypervisor/loader/sign.c hypervisor/loader/measurement.c,-lcrypto -Wl$(comma)--no-warnings)
$(call loader_program,enclave-bench,bench/hypervisor_guest.c $(loader_library))
loader: $(loader_files) ## enclaves of ours and the programs that run them
.PHONY: loader
hypervisor-check: loader $(O)/bin/cloister-quoted $(O)/bin/cloister $(O)/bin/cloister-attest # boot/evidence, uki, initramfs
check-programs: $(O)/enclaves/counter.enclave.sig # tests/programs/sgx_sign.sh

$(call hosted_program,measurement_test,$(addprefix hypervisor/loader/,measurement_test.c measurement.c layout.c),-lcrypto)
$(call hosted_program,sign_test,$(addprefix hypervisor/loader/,sign_test.c sign.c measurement.c layout.c),-lcrypto)
hypervisor_tests += $(O)/bin/measurement_test $(O)/bin/sign_test
