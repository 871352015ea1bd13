# SPDX-License-Identifier: Apache-2.0
# cpus: 1 2
# timeout: 900
# Entering and leaving enclaves through Linux's own interface and vDSO: calls, threads, exceptions, registers, signals, reports and keys; and the
# interface itself with wrong requests. While an enclave's file is open the machine is not given back.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
enter epc=0x1000000
cd /guest || fail "cd"
for t in calls threads busy busy-tcs ocalls nested exceptions instructions exception-lost epcm-fault registers vectors avx no-avx signals killed \
	report keys measurement provision debug ioctls mappings \
	driver-create driver-order driver-compat driver-add driver-init driver-grant driver-edmm driver-edmm-pages \
	map-before-create map-before-init map-after-init map-advice map-system-calls map-moved shared-file core-dump exec debugger \
	own-calls own-interrupts own-signals own-abandoned own-bad-entries own-steps \
	shape-frames shape-no-misc shape-many-threads shape-zero-base; do
	timeout 100 ./enclave-tests . $t || fail "$t"
done
(exec 3</dev/sgx_enclave && exec sleep 1000) &
holder=$!
until [ -e /proc/$holder/fd/3 ]; do :; done
rmmod cloister 2>/dev/null && fail "given back with an enclave's file open"
equal "status" "$(cat /sys/kernel/cloister/status)" guest
kill $holder
wait $holder
equal "EPC" "$(cat /sys/kernel/cloister/epc_used)" 0
equal "free" "$(cat /sys/module/cloister/parameters/epc_unused)" "$(cat /sys/module/cloister/parameters/epc_total)"
equal "own faults" "$(counter faults_own)" 0
dmesg | grep -E 'WARNING|BUG|Oops' && fail "Linux complains"
leave
[ ! -e /dev/sgx_enclave ] || fail "the device is still there"
