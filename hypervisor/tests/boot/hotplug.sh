# SPDX-License-Identifier: Apache-2.0
# cpus: 2 3
# timeout: 1700
# Processors go offline and come online while enclaves run and programs compute; INIT and SIPI by hand do not take one out of the hypervisor, not in
# an enclave either; one that is offline, or waits for its SIPI, does not keep the machine from being given back.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
insmod /attack.ko || fail attack
last=$(($(cpus) - 1))
online() { echo "$1" > "/sys/devices/system/cpu/cpu$last/online"; }
on_0() { taskset 1 sh -c "echo $* > /proc/attack && cat /proc/attack"; }
enter epc=0x400000
cd /guest || fail "cd"

# Under load, whatever processor it runs on.
enclaves() {
	while [ ! -e /tmp/stop ]; do
		timeout 400 ./enclave-tests . "$@" >"/tmp/out.$1" 2>&1 || { cat "/tmp/out.$1" >> /tmp/failed; return; }
		echo round >> "/tmp/rounds.$1"
	done
}
enclaves busy &
enclaves threads &
enclaves overcommit &
i=0
while [ $i -lt 20 ]; do
	online 0 || fail "offline, round $i"
	equal "processors" "$(cpus)" "$last"
	online 1 || fail "online, round $i"
	equal "name, round $i" "$(taskset $((1 << last)) probe hypervisor)" "CloisterHv  "
	i=$((i + 1))
done
equal "arithmetic" "$(taskset $((1 << last)) probe busy 1)" right
[ "$(counter starts)" -ge 20 ] || fail "starts: $(counter starts)"
touch /tmp/stop
wait
[ ! -e /tmp/failed ] || fail "$(cat /tmp/failed)"
for t in busy threads overcommit; do
	[ -s /tmp/rounds.$t ] || fail "$t never ran"
done

# Our own code on the processor that Linux believes offline: it starts where we say, and as a guest.
online 0 || fail offline
before=$(counter starts)
equal "SIPI without INIT" "$(on_0 sipi "$last")" ok
equal "not started" "$(counter starts)" "$before"
equal "started by hand" "$(on_0 start "$last")" "ok 696f6c43"
[ "$(counter starts)" -gt "$before" ] || fail "not counted"
# INIT alone: it waits. Given back all the same, with the processor brought online before and offline again behind.
equal "INIT" "$(on_0 init "$last")" ok
[ "$last" != 1 ] || equal "INIT to all others" "$(on_0 icr 0 c4500)" ok
equal "left alone" "$(on_0 leave)" "ok fffffffffffffff5"
leave
equal "still offline" "$(cat "/sys/devices/system/cpu/cpu$last/online")" 0
online 1 || fail "online, native"
differ "native" "$(taskset $((1 << last)) probe hypervisor)" "CloisterHv  "

# Offline when the machine is given back, then in again.
enter epc=0x1000000
online 0 || fail offline
leave
online 1 || fail "online, native"
enter epc=0x1000000
equal "again" "$(taskset $((1 << last)) probe hypervisor)" "CloisterHv  "

# To processors that are not there, and with destinations that do not go with them: dropped.
before=$(counter init_dropped)
for how in 99:500 0:44500 0:84500 1:4d00; do
	equal "command $how" "$(on_0 icr "${how%:*}" "${how#*:}")" ok
done
[ "$(counter init_dropped)" -ge $((before + 4)) ] || fail "dropped: $(counter init_dropped), before $before"
for t in calls threads avx; do
	timeout 100 ./enclave-tests . $t || fail "$t"
done
equal "EPC" "$(cat /sys/kernel/cloister/epc_used)" 0
equal "own faults" "$(counter faults_own)" 0
dmesg | grep -E 'WARNING|BUG|Oops|lockup' && fail "Linux complains"
leave
