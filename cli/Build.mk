# cloister starts and looks after enclaves and loads nothing but libc; cloister-attest does what needs the attestation libraries.
cli_shared := cli/main.c cli/options.c
cli_attest := $(filter $(wildcard cli/*.c),cli/attest.c cli/commands_attest.c $(addprefix cli/cmd_,verify.c dump.c policy.c evidence.c enrol.c \
	evidence_service.c sgx.c tunnel.c) $(wildcard cli/tunnel*.c cli/sgx*.c))
$(call program,cloister,host,$(filter-out $(cli_attest),$(wildcard cli/*.c)),enclave)
cli_signing := $(addprefix hypervisor/loader/,layout.c measurement.c sign.c)
$(call program,cloister-attest,host,$(cli_shared) $(cli_attest) $(cli_signing),quoting,$(attest_libs))
# One object each whose hidden symbols are local: the command's own names do not meet those of the libraries.
$(O)/bin/cloister-attest: $(O)/lib/libcloister-tls.a $(O)/lib/libcloister-attest.a
programs: $(O)/bin/cloister-attest
