# SPDX-License-Identifier: Apache-2.0
# cpus: 1 2
# Linux becomes a guest and gets the machine back; programs see it by CPUID.
before=$(probe hypervisor)
differ "before" "$before" "CloisterHv  "
enter
equal "status" "$(cat /sys/kernel/cloister/status)" guest
equal "processors" "$(cat /sys/kernel/cloister/processors)" "$(cpus)"
i=0
while [ $i -lt "$(cpus)" ]; do
	equal "name on processor $i" "$(taskset $((1 << i)) probe hypervisor)" "CloisterHv  "
	i=$((i + 1))
done
equal "ud2" "$(probe ud2)" "signal 4"
equal "int3" "$(probe int3)" "signal 5"
equal "arithmetic" "$(probe busy 2)" right
for i in 1 2 3 4 5 6 7 8 9 10; do
	sh -c 'echo child' >/dev/null || fail "fork"
done
differ "exits" "$(counter exits)" 0
equal "own faults" "$(counter faults_own)" 0
leave
equal "after" "$(probe hypervisor)" "$before"
