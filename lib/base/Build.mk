$(call library,base,kern hosted,$(filter-out %_test.c %_fuzz.c,$(wildcard lib/base/*.c)))
