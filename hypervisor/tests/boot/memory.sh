# SPDX-License-Identifier: Apache-2.0
# cpus: 1 2
# Reserved memory behind the walls: all ones, by any instruction, writes lost; the hypervisor unharmed.
insmod /attack.ko || fail attack
enter
epc=$(cat /sys/kernel/cloister/epc_start)
for page in $START $epc 0x18001000 0x1a000000 0x1bfff000; do
	equal "read $page" "$(attack read $page)" "ok ffffffffffffffff"
	equal "write $page" "$(attack write $page 1234)" "ok 0"
	equal "read again $page" "$(attack read $page)" "ok ffffffffffffffff"
	equal "exchange $page" "$(attack xchg $page 1234)" "ok ffffffffffffffff"
	equal "read after exchange $page" "$(attack read $page)" "ok ffffffffffffffff"
done
equal "string fill" "$(attack fill $epc 41)" "ok 0"
equal "copy" "$(attack copy $epc $START)" "ok 0"
equal "read after" "$(attack read $epc)" "ok ffffffffffffffff"
# what lies outside is Linux's as ever
equal "TPM locality 2" "$(attack read 0xfed42000)" "ok ffffffffffffffff"
# as a program of root's sees it; a kernel that lets nobody have /dev/mem is as good
mknod /tmp/mem c 1 1
if dd if=/tmp/mem of=/tmp/seen bs=4096 skip=$((START / 4096)) count=1 2>/dev/null; then
	equal "/dev/mem" "$(hexdump -v -e '8/1 "%02x"' /tmp/seen | sed 's/f//g')" ""
	dd if=/dev/zero of=/tmp/mem bs=4096 seek=$((START / 4096)) count=1 conv=notrunc 2>/dev/null
else
	echo "/dev/mem is closed"
fi
differ "abort page" "$(counter abort_page)" 0
equal "hypervisor lives" "$(probe hypervisor)" "CloisterHv  "
equal "own faults" "$(counter faults_own)" 0
leave
equal "wiped" "$(attack read $epc)" "ok 0"
