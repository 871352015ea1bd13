# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# NMIs by the hundred, to both processors, under load: each reaches Linux once, none meets another in its handler (which would ruin Linux's stack).
insmod /attack.ko || fail attack
enter
(while [ ! -e /tmp/stop ]; do dd if=/bin/busybox bs=64k count=8 2>/dev/null | sha256sum; done > /dev/null) &
i=0
while [ $i -lt 200 ]; do
	echo nmi 0 > /proc/attack
	echo nmi 1 > /proc/attack
	i=$((i + 1))
done
touch /tmp/stop
wait
[ "$(counter nmi)" -ge 100 ] || fail "$(counter nmi) NMIs"
equal name "$(probe hypervisor)" "CloisterHv  "
equal "own faults" "$(counter faults_own)" 0
leave
