# Every .c of a folder belongs to its library; NAME_test.c and NAME_fuzz.c are found by their names.
attest_sources := $(filter-out attest/tls/% %_test.c %_fuzz.c,$(wildcard attest/*/*.c)) $(if $(filter fuzz,$(CONFIG)),lib/fuzz/outcome.c) lib/cbor/cbor.c lib/json/json.c $(filter-out %_test.c %_fuzz.c,$(wildcard lib/jose/*.c))
attest_libs := -lcurl -lyaml -ljansson -lssl -lcrypto
tls_sources := $(filter-out %_test.c %_fuzz.c,$(wildcard attest/tls/*.c))
attest_objects := $(call objs,pic,$(attest_sources))
tls_objects := $(call objs,pic,$(tls_sources))
$(call installed,cloister-attest,$(attest_sources),0,,$(attest_libs))
ifneq ($(tls_sources),)
$(call installed,cloister-tls,$(tls_sources),0,$(O)/lib/libcloister-attest.so.0,$(attest_libs))
endif
attest_tests := $(wildcard attest/*/*_test.c lib/cbor/*_test.c lib/json/*_test.c lib/jose/*_test.c)
$(foreach t,$(filter-out attest/tls/%,$(attest_tests)),$(call host_unit,$t,$(attest_objects),$(attest_libs)))
$(foreach t,$(filter attest/tls/%,$(attest_tests)),$(call host_unit,$t,$(attest_objects) $(tls_objects),$(attest_libs)))
$(foreach f,$(filter-out attest/tls/%,$(wildcard attest/*/*_fuzz.c lib/cbor/*_fuzz.c lib/jose/*_fuzz.c)),$(call host_fuzzer,$f,$(attest_objects),$(attest_libs)))
$(foreach f,$(wildcard attest/tls/*_fuzz.c),$(call host_fuzzer,$f,$(attest_objects) $(tls_objects),$(attest_libs)))
