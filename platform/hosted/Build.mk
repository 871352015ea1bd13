# The kernel core inside an ordinary process, with kmalloc on libc's malloc: what fuzzers and fault injection link with.
$(call library,hosted,hosted,$(wildcard platform/hosted/*.c) \
	$(filter-out kernel/mm/slab.c,$(kernel_sources)) $(filter-out %_test.c %_fuzz.c,$(wildcard lib/base/*.c)))
# Only tests and fuzzers need it.
all := $(filter-out $(O)/hosted/libhosted.a,$(all))
