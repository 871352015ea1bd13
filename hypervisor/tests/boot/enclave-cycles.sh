# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# timeout: 2400
# Fifty times (or BOOT_ROUNDS) under load: Linux becomes a guest, makes 1,000 calls into an enclave on two processors, and gets the machine back.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
load() {
	while :; do
		dd if=/dev/urandom bs=64k count=8 2>/dev/null | sha256sum >/dev/null
	done
}
load &
loader=$!
cd /guest || fail "cd"
cycle=0 rounds=$(rounds 50)
while [ $cycle -lt "$rounds" ]; do
	enter epc=0x400000
	timeout 100 ./enclave-tests . calls >/tmp/calls || { cat /tmp/calls; fail "calls, cycle $cycle"; }
	equal "own faults" "$(counter faults_own)" 0
	leave
	cycle=$((cycle + 1))
done
kill $loader
dmesg | grep -E 'WARNING|BUG|Oops' && fail "Linux complains"
echo "$cycle cycles"
