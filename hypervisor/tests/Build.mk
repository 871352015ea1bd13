# Hosted tests of the hypervisor. $(call unit,STEM,SOURCES) as in tests/unit/Build.mk, here or in a Build.mk one folder down, then
# hypervisor_tests += $(O)/unit/NAME_test for `make hypervisor-check`.
-include $(sort $(wildcard hypervisor/tests/*/Build.mk))
