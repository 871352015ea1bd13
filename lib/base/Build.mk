$(call library,base,kern,$(filter-out %_test.c %_fuzz.c,$(wildcard lib/base/*.c)))
