# The kernel core as a library: linked with one platform each (platform/*/Build.mk).
kernel_sources := $(filter-out %_test.c %_fuzz.c,$(wildcard kernel/*.c kernel/*/*.c kernel/arch/x86/*.c kernel/*/*.S))
$(call library,kernel,kern,$(kernel_sources))
# Nettle's SHA-256, by members of the static library (kernel/crypto/sha256.c)
kernel_libs := -l:libnettle.a
