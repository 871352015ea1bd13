# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# INIT and SIPI take no processor out of the hypervisor, wherever they are sent and however they are made (hotplug.sh: those that are carried out).
insmod /attack.ko || fail attack
enter
equal "SIPI to a processor that runs" "$(taskset 1 sh -c 'echo sipi 1 > /proc/attack && cat /proc/attack')" ok
equal "INIT to nobody" "$(attack init 77)" ok
equal "SIPI to nobody" "$(attack sipi 77)" ok
equal "INIT in a local vector" "$(attack lvt)" ok
for cpu in 1 2; do
	equal "name, mask $cpu" "$(taskset $cpu probe hypervisor)" "CloisterHv  "
	equal "arithmetic, mask $cpu" "$(taskset $cpu probe busy 1)" right
done
[ "$(counter init_dropped)" -ge 3 ] || fail "dropped: $(counter init_dropped)"
nmis() { grep NMI: /proc/interrupts | sed 's/[^0-9 ]//g'; }
before=$(nmis)
equal "NMI" "$(taskset 1 sh -c 'echo nmi 1 > /proc/attack && cat /proc/attack')" ok
while [ "$(nmis)" = "$before" ]; do usleep 10000; done
# No sleep, and no image of memory on a disk: refused before anything is frozen, by us and not for want of a swap area.
refused() { dmesg | grep -c 'cloister: no sleep'; }
for state in freeze mem disk; do
	grep -q $state /sys/power/state || continue
	before=$(refused)
	echo $state > /sys/power/state 2>/dev/null && fail "slept: $state"
	equal "refused, $state" "$(refused)" $((before + 1))
done
leave
echo 0 > /sys/devices/system/cpu/cpu1/online || fail "offline, native"
echo 1 > /sys/devices/system/cpu/cpu1/online || fail "online, native"
enter
equal "again" "$(taskset 2 probe hypervisor)" "CloisterHv  "
leave
