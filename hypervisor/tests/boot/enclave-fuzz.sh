# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# timeout: 600
# Threads of a program that do random things to the same enclaves and their device, with little EPC, so that pages come and go: the kernel and the
# hypervisor stay whole, and all of EPC comes back. More by changing seeds and FUZZ_ROUNDS.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
enter epc=0x400000
cd /guest || fail "cd"
for seed in 1 2 3; do
	FUZZ_SEED=$seed timeout 400 ./enclave-tests . fuzz || fail "seed $seed"
done
equal "EPC" "$(cat /sys/kernel/cloister/epc_used)" 0
equal "free" "$(cat /sys/module/cloister/parameters/epc_unused)" "$(cat /sys/module/cloister/parameters/epc_total)"
equal "own faults" "$(counter faults_own)" 0
dmesg | grep -E 'WARNING|BUG|Oops|blocked for more' && fail "Linux complains"
leave
