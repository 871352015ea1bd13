# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# memory: 1024
# append: crashkernel=256M
# second: yes
# timeout: 900
# A reboot into another kernel while an enclave runs: the machine is given back first, with nothing of it left in memory, nor a key that it got.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
reversed() { echo "$1" | sed 's/\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/\8\7\6\5\4\3\2\1/'; }
LINE="console=ttyS0 panic=-1 quiet no_timer_check printk.time=0 printk.devkmsg=on second memmap=64M\$0x18000000"
if grep -q second /proc/cmdline; then
	insmod /attack.ko || fail attack
	differ "second kernel" "$(probe hypervisor)" "CloisterHv  "
	equal "processors" "$(cpus)" 2
	epc=$(argument epc)
	equal "EPC" "$(attack used "$epc" "$(printf %x $((START + SIZE - epc)))")" "ok 0"
	for half in $(argument key | sed 's/^.\{16\}/& /'); do
		equal "half a key" "$(attack find $START $SIZE "$(reversed "$half")")" "ok 0"
	done
	enter
	equal "guest" "$(probe hypervisor)" "CloisterHv  "
	leave
	exit 0
fi
enter epc=0x1000000
cd /guest || fail "cd"
key=$(./enclave-tests . leftover-key | sed -n 's/^key //p')
[ ${#key} = 32 ] || fail "no key: $key"
(while :; do ./enclave-tests . busy; done) > /dev/null 2>&1 &
before=$(counter aex)
until [ "$(cat /sys/kernel/cloister/epc_used)" -gt 0 ] && [ "$(counter aex)" -gt $((before + 50)) ]; do usleep 10000; done
kexec now /second/vmlinuz /second/initrd "$LINE epc=$(cat /sys/kernel/cloister/epc_start) key=$key"
fail "still here"
