# Static programs that run natively and in the enclave; the drivers (*.sh) use several of them.
stress_sources := $(wildcard tests/stress/*.c)
stress_tests := $(stress_sources:tests/stress/%.c=$(O)/tests/stress/%)
$(O)/tests/stress/%: tests/stress/%.c tests/stress/stress.h
	$(call say,TEST,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE -I. -static -pthread $< -o $@
tests_all += $(stress_tests)
