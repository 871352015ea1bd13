# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# memory: 1024
# append: crashkernel=384M nokaslr
# second: yes
# timeout: 1700
# A crash while enclaves run, one processor taken out of one by INIT: the next kernel stays a guest, starts all processors, finds EPC full of what is not its
# own and all ones, and its own driver frees every page of it (a TCS still held by a processor could not be removed) and runs enclaves.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
LINE="console=ttyS0 panic=-1 quiet no_timer_check printk.time=0 printk.devkmsg=on second"
insmod /attack.ko || fail attack
if ! grep -q second /proc/cmdline; then
	enter epc=0x400000
	kexec crash /second/vmlinuz /second/initrd "$LINE" || fail "kexec"
	cd /guest || fail "cd"
	# One that lies in EPC and is stopped, and others that run.
	until [ "$(cat /sys/kernel/cloister/epc_used)" -gt 0 ]; do
		./enclave-tests . busy > /dev/null 2>&1 &
		while [ "$(cat /sys/kernel/cloister/epc_used)" = 0 ] && kill -0 $! 2>/dev/null; do usleep 1000; done
		kill -STOP $! 2>/dev/null
	done
	(while :; do ./enclave-tests . busy || echo bad > /tmp/bad; done) > /dev/null 2>&1 &
	before=$(counter aex)
	while [ "$(counter aex)" -lt $((before + 200)) ]; do usleep 10000; done
	[ ! -e /tmp/bad ] || fail "busy"
	[ "$(cat /sys/kernel/cloister/epc_used)" -gt 0 ] || fail "no enclave"
	taskset 1 sh -c 'echo init 1 > /proc/attack && echo c > /proc/sysrq-trigger'
	fail "no crash"
fi
equal "processors" "$(cpus)" 2
for page in $START 0x1bc00000 0x1bc10000 0x1bfff000; do
	equal "read $page" "$(attack read "$page")" "ok ffffffffffffffff"
done
dmesg | grep -q 'sgx: EPC section' || fail "the driver found no EPC"
insmod /cloister.ko || fail "attach"
equal "status" "$(cat /sys/kernel/cloister/status)" guest
equal "start" "$(($(cat /sys/kernel/cloister/start)))" "$((START))"
tries=0
until [ "$(cat /sys/kernel/cloister/epc_used)" = 0 ] || [ $tries = 6000 ]; do
	usleep 10000
	tries=$((tries + 1))
done
equal "EPC" "$(cat /sys/kernel/cloister/epc_used)" 0
echo mem > /sys/power/state 2>/dev/null && fail "slept"
for cpu in 1 2; do
	equal "processor, mask $cpu" "$(taskset $cpu probe hypervisor)" "CloisterHv  "
done
cd /guest || fail "cd"
for t in calls threads exceptions avx grow killed; do
	timeout 300 ./enclave-tests . $t || fail "$t"
done
equal "own faults" "$(counter faults_own)" 0
rmmod cloister || fail "rmmod"
equal "still here" "$(probe hypervisor)" "CloisterHv  "
dmesg | grep -E 'WARNING|BUG|Oops|lockup|sgx:' | grep -v 'sgx: EPC section' && fail "Linux complains"
true
