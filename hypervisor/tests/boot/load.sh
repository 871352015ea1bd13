# SPDX-License-Identifier: Apache-2.0
# cpus: 1 2
# timeout: 2400
# In and out while programs run, fork and compute: 25 times, or BOOT_ROUNDS.
load() {
	while [ ! -e /tmp/stop ]; do
		dd if=/bin/busybox bs=64k count=8 2>/dev/null | sha256sum
	done | sort -u > "/tmp/sums.$1"
}
forks() {
	n=0
	while [ ! -e /tmp/stop ]; do
		sh -c 'exit 7'
		[ $? = 7 ] || echo bad >> /tmp/forks
		n=$((n + 1))
	done
	echo $n > "/tmp/forked"
}
load 1 &
load 2 &
forks &
i=0 rounds=$(rounds 25)
while [ $i -lt "$rounds" ]; do
	enter
	[ "$(probe hypervisor)" = "CloisterHv  " ] || fail "round $i"
	[ "$(counter faults_own)" = 0 ] || fail "own faults"
	leave
	[ "$(probe hypervisor)" != "CloisterHv  " ] || fail "left, round $i"
	i=$((i + 1))
done
touch /tmp/stop
wait
equal "sums" "$(sort -u /tmp/sums.1 /tmp/sums.2 | wc -l)" 1
[ ! -e /tmp/forks ] || fail "forks"
echo "$rounds rounds; $(cat /tmp/forked) forks"
dmesg | grep -E 'BUG|Oops|WARNING|lockup' && fail "Linux complains"
true
