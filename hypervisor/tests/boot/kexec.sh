# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# memory: 1024
# append: crashkernel=256M
# second: yes
# timeout: 400
# A reboot into another kernel: the machine is given back first, with nothing left in memory.
LINE="console=ttyS0 panic=-1 quiet printk.time=0 printk.devkmsg=on second memmap=64M\$0x18000000"
if grep -q second /proc/cmdline; then
	insmod /attack.ko || fail attack
	differ "second kernel" "$(probe hypervisor)" "CloisterHv  "
	equal "processors" "$(cpus)" 2
	equal "EPC" "$(attack read 0x1a000000)" "ok 0"
	enter
	equal "guest" "$(probe hypervisor)" "CloisterHv  "
	leave
	exit 0
fi
enter
kexec now /second/vmlinuz /second/initrd "$LINE"
fail "still here"
