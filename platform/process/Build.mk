# The kernel for the process platform, and the host side that starts it.
process_trusted := $(wildcard platform/process/trusted/*.c platform/process/trusted/*.S)
$(call program,cloister-kernel-process,kern,$(process_trusted),kernel base,$(kernel_libs))
$(call library,enclave,host,$(wildcard platform/process/host/*.c))
