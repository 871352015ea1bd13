# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# timeout: 1500
# Four times as many pages of enclaves as there is EPC: pages are written back and loaded again under running threads, with nothing lost; and
# paid for by the cgroup whose they are.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
enter epc=0x400000
cd /guest || fail "cd"
mkdir /tmp/groups && mount -t cgroup2 groups /tmp/groups && echo +memory > /tmp/groups/cgroup.subtree_control && mkdir /tmp/groups/one || fail "cgroup"
(echo 0 > /tmp/groups/one/cgroup.procs && MEMORY_STAT=/tmp/groups/one/memory.stat timeout 300 ./enclave-tests . overcommit) || fail "overcommit"
for t in pressure grow restrict new-thread; do
	timeout 300 ./enclave-tests . $t || fail "$t"
done
equal "EPC" "$(cat /sys/kernel/cloister/epc_used)" 0
equal "free" "$(cat /sys/module/cloister/parameters/epc_unused)" "$(cat /sys/module/cloister/parameters/epc_total)"
equal "own faults" "$(counter faults_own)" 0
dmesg | grep -E 'WARNING|BUG|Oops' && fail "Linux complains"
leave
