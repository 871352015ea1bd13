# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# timeout: 900
# The program's memory from inside, what it looks like from outside, growth and shrinking (EAUG, EACCEPT, EMODPR, EMODT), 200 enclaves at once, SIGSTRUCTs
# with changed bytes.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
enter epc=0x1000000
cd /guest || fail "cd"
for t in echo remapped fork abort-page grow pending accept-copy restrict trim new-thread many flipped; do
	timeout 100 ./enclave-tests . $t || fail "$t"
done
equal "EPC" "$(cat /sys/kernel/cloister/epc_used)" 0
equal "own faults" "$(counter faults_own)" 0
dmesg | grep -E 'WARNING|BUG|Oops' && fail "Linux complains"
leave
