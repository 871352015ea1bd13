# Programs that run natively and in the enclave; bench/run compares. `make bench` builds and runs.
bench_programs := $(O)/bench/micro $(O)/bench/exit0 $(O)/bench/tcp_peer
$(O)/bench/micro: bench/micro.c
	$(call say,BENCH,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE $< -o $@ -pthread
$(O)/bench/exit0: bench/exit0.c
	$(call say,BENCH,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -static $< -o $@
$(O)/bench/tcp_peer: bench/tcp_peer.c
	$(call say,BENCH,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE $< -o $@
