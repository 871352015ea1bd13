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
before=$(grep NMI: /proc/interrupts | sed 's/[^0-9 ]//g')
equal "NMI" "$(taskset 1 sh -c 'echo nmi 1 > /proc/attack && cat /proc/attack')" ok
sleep 1
differ "NMIs of Linux" "$(grep NMI: /proc/interrupts | sed 's/[^0-9 ]//g')" "$before"
echo mem > /sys/power/state 2>/dev/null && fail "slept"
leave
echo 0 > /sys/devices/system/cpu/cpu1/online || fail "offline, native"
echo 1 > /sys/devices/system/cpu/cpu1/online || fail "online, native"
enter
equal "again" "$(taskset 2 probe hypervisor)" "CloisterHv  "
leave
