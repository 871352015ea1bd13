# One static program per family; the runner executes it natively and then in the enclave.
syscall_sources := $(wildcard tests/syscall/*.c)
syscall_tests := $(syscall_sources:tests/syscall/%.c=$(O)/tests/syscall/%)
$(O)/tests/syscall/%: tests/syscall/%.c tests/syscall/test.h
	$(call say,TEST,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE -I. -static -pthread $< -o $@
tests_all += $(syscall_tests)
