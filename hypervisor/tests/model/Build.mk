# The real mem/ and core/guest_memory.c as ordinary programs: owner_test N for N random operations.
model_mem := $(call hv_checked,$(filter-out %_test.c %_fuzz.c,$(wildcard hypervisor/mem/*.c)))
$(call unit,hypervisor/tests/model/owner,$(model_mem))
hypervisor_tests += $(O)/unit/owner_test
$(call unit,hypervisor/tests/model/walk,hypervisor/core/guest_memory.c)
hypervisor_tests += $(O)/unit/walk_test
$(call unit,hypervisor/tests/model/ivrs,hypervisor/mem/ivrs.c)
hypervisor_tests += $(O)/unit/ivrs_test
$(call fuzzer,ivrs,hypervisor/mem/ivrs_fuzz.c,unit)
