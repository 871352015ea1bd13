# Hosted tests of the hypervisor. $(call unit,STEM,SOURCES) as in tests/unit/Build.mk, here or in a Build.mk one folder down, then
# hypervisor_tests += $(O)/unit/NAME_test for `make hypervisor-check`.
# $(call hv_checked,SOURCES): with the checks of invariants where a source has any.
hv_checked = $(foreach f,$1,$(or $(wildcard hypervisor/tests/checks/$(notdir $f)),$f))
-include $(sort $(wildcard hypervisor/tests/*/Build.mk))
hypervisor_tests += hypervisor/tests/size
hypervisor_long  = 'hypervisor/proof=$(CURDIR)/hypervisor/tests/proof/run' 'hypervisor/owner-long=$(CURDIR)/$(O)/unit/owner_test 10000000'
