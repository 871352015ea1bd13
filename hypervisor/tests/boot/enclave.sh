# SPDX-License-Identifier: Apache-2.0
# cpus: 1 2
# An enclave through Linux's own interface and vDSO; an enclave's file keeps the module.
[ -e /guest/counter-host ] || skip "no enclaves: make loader"
enter
[ -c /dev/sgx_enclave ] || fail "no /dev/sgx_enclave"
cd /guest || fail "cd"
./counter-host counter.enclave || fail "counter"
equal "EPC" "$(cat /sys/kernel/cloister/epc_used)" 0
equal "own faults" "$(counter faults_own)" 0
echo "enclu $(counter enclu) encls $(counter encls) aex $(counter aex)"
leave
