# Tests over the whole evidence folder; $(evidence_long) is for check-long: every bit of every byte, about an hour.
evidence_objects = $(attest_objects) $(call objs,pic,tests/evidence/scenario.c)
$(O)/pic/tests/evidence/verdicts_test.c.o $(O)/pic/tests/evidence/mutate_test.c.o: tests/evidence/verdicts.txt
$(call host_unit,tests/evidence/verdicts_test.c,$(evidence_objects),$(attest_libs))
$(call host_unit,tests/evidence/mutate_test.c,$(evidence_objects),$(attest_libs))
evidence_long = 'evidence/mutate=$(CURDIR)/$(O)/unit/mutate_test all' 'evidence/certificate=$(CURDIR)/$(O)/unit/certificate_test all'
# Quotes with our verdicts, for another verifier (tests/programs/quote_peer.sh).
quote_cases := $(O)/tests/quote_cases
$(quote_cases): tests/evidence/quote_cases.c tests/evidence/dcap_synthetic.c tests/evidence/dcap_synthetic.h $(O)/lib/libcloister-attest.a
	$(call say,LD,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -Wall -Wextra -Wshadow -Wconversion -Werror -D_GNU_SOURCE -I. -Iinclude $< $(O)/lib/libcloister-attest.a -o $@ $(attest_libs) -pthread
