# Programs that run natively and in the enclave; bench/run compares. `make bench` builds and runs.
bench_programs := $(O)/bench/micro $(O)/bench/exit0 $(O)/bench/tcp_peer
$(O)/bench/micro: bench/micro.c
	$(call say,BENCH,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE $< -o $@ -pthread
$(O)/bench/exit0: bench/exit0.c
	$(call say,BENCH,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -static $< -o $@
$(O)/bench/tcp_peer: bench/tcp_peer.c
	$(call say,BENCH,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE $< -o $@
# Verifications a second, beside the signatures alone: bench/attest-run. Linked as a program of others would be.
$(O)/bench/attest: bench/attest.c tests/evidence/dcap_synthetic.c tests/evidence/dcap_synthetic.h $(O)/lib/libcloister-attest.a
	$(call say,BENCH,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -I. -Iinclude $< \
	$(O)/lib/libcloister-attest.a -o $@ $(attest_libs) -pthread
bench_programs += $(O)/bench/attest
# Attested TLS beside OpenSSL alone; bench/tunnel-run is the tunnel beside socat and stunnel.
$(O)/bench/tls: bench/tls.c $(O)/lib/libcloister-tls.a $(O)/lib/libcloister-attest.a
	$(call say,BENCH,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -Iinclude $< \
	$(O)/lib/libcloister-tls.a $(O)/lib/libcloister-attest.a -o $@ $(attest_libs) -pthread
bench_programs += $(O)/bench/tls
# The hypervisor's figures (bench/hypervisor): the plugin that counts for QEMU. What runs in the guest is
# built with the other programs that run enclaves (hypervisor/loader/Build.mk).
$(O)/bench/hypervisor_plugin.so: bench/hypervisor_plugin.c
	$(call say,BENCH,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -Wall -Wextra -Wshadow -Wconversion -Werror -D_GNU_SOURCE -shared -fPIC -fvisibility=hidden $< -o $@
bench-hypervisor: hypervisor loader $(O)/bench/hypervisor_plugin.so ## the hypervisor under QEMU: instructions an exit, workload, idle exits
	O='$(CURDIR)/$(O)' bench/hypervisor
.PHONY: bench-hypervisor
