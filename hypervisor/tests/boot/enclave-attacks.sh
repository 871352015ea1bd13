# SPDX-License-Identifier: Apache-2.0
# cpus: 1 2
# timeout: 1500
# Linux's kernel against living enclaves: ENCLS by a module of its own (replay, forged copies, pages taken, given and changed), page tables, aliases,
# forged frames, and races of all of it with threads that enter and leave. Refused each, the enclaves unharmed, and Linux lives on.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
enter epc=0x1000000
insmod /encls.ko || fail encls
cd /guest || fail "cd"
failed=
for t in replay forged-copy eviction-order build modify swapped replaced alias hypervisor forged-frame forged-frame-page forged-tcs \
	race-page race-tcs race-remove race-remove-tcs; do
	timeout 200 ./enclave-tests . attack-$t || failed="$failed $t"
done
[ -z "$failed" ] || fail "$failed"
./counter-host counter.enclave || fail "an enclave after all that"
equal "EPC" "$(cat /sys/kernel/cloister/epc_used)" 0
equal "free" "$(cat /sys/module/cloister/parameters/epc_unused)" "$(cat /sys/module/cloister/parameters/epc_total)"
equal "own faults" "$(counter faults_own)" 0
dmesg | grep -E 'WARNING|BUG|Oops' && fail "Linux complains"
rmmod encls || fail "rmmod encls"
leave
