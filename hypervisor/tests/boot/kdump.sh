# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# memory: 1024
# append: crashkernel=256M
# second: yes
# timeout: 400
# A crash's kernel cannot ask anybody: it stays a guest, and memory stays behind its walls.
LINE="console=ttyS0 panic=-1 quiet printk.time=0 printk.devkmsg=on nr_cpus=1 second memmap=64M\$0x18000000"
if grep -q second /proc/cmdline; then
	insmod /attack.ko || fail attack
	equal "second kernel" "$(probe hypervisor)" "CloisterHv  "
	equal "reserved memory" "$(attack read 0x1a000000)" "ok ffffffffffffffff"
	equal "image" "$(attack read $START)" "ok ffffffffffffffff"
	exit 0
fi
enter
kexec crash /second/vmlinuz /second/initrd "$LINE" || fail "kexec"
echo c > /proc/sysrq-trigger
fail "no crash"
