# cloister-quoted, the host's quoting service; and the AESM client, which the command uses too.
quoting_client := platform/quoting/aesm.c platform/quoting/aesm_client.c
quoting_sources := $(filter-out %/main.c %_test.c %_fuzz.c,$(wildcard platform/quoting/*.c))
quoting_objects := $(call objs,pic,$(quoting_sources))
$(call library,quoting,host,$(quoting_client))
$(call program,cloister-quoted,pic,platform/quoting/main.c $(quoting_sources) $(attest_sources),,$(attest_libs))
$(foreach t,$(wildcard platform/quoting/*_test.c),$(call host_unit,$t,$(quoting_objects) $(attest_objects),$(attest_libs)))
$(foreach f,$(wildcard platform/quoting/*_fuzz.c),$(call host_fuzzer,$f,$(quoting_objects) $(attest_objects),$(attest_libs)))
