# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# memory: 1024
# append: crashkernel=256M
# second: yes
# timeout: 900
# A crash's kernel cannot ask anybody: it stays a guest, and memory stays behind its walls.
LINE="console=ttyS0 panic=-1 quiet no_timer_check printk.time=0 printk.devkmsg=on nr_cpus=1 second memmap=64M\$0x18000000"
if grep -q second /proc/cmdline; then
	insmod /attack.ko || fail attack
	equal "second kernel" "$(probe hypervisor)" "CloisterHv  "
	equal "reserved memory" "$(attack read 0x1a000000)" "ok ffffffffffffffff"
	equal "image" "$(attack read $START)" "ok ffffffffffffffff"
	# The crashed kernel's memory as dump tools get it: read to the end, and no segment of it (ELF-64: type 1, physical address, size) is ours.
	headers=$(hexdump -v -s 56 -n 2 -e '1/2 "%d"' /proc/vmcore)
	[ "$headers" -gt 1 ] || fail "/proc/vmcore has $headers headers"
	# p_type, p_flags, then p_offset, p_vaddr, p_paddr, p_filesz, p_memsz and p_align as halves, low and high
	hexdump -v -s 64 -n $((56 * headers)) -e '14/4 "%08x " "\n"' /proc/vmcore > /tmp/segments
	equal "headers read" "$(wc -l < /tmp/segments)" "$headers"
	grep -q '^00000001 ' /tmp/segments || fail "no memory in the dump: $(cat /tmp/segments)"
	while read -r type flags offset offset_high virtual virtual_high low high size size_high rest; do
		[ "$type" = 00000001 ] || continue
		from=$((0x$high$low))
		end=$((from + 0x$size_high$size))
		[ $from -ge $((START + SIZE)) ] || [ $end -le $((START)) ] ||
			fail "in the dump: $from to $end; $flags $offset_high$offset $virtual_high$virtual $rest"
	done < /tmp/segments
	dd if=/proc/vmcore of=/dev/null bs=1048576 2>/tmp/dd || fail "$(cat /tmp/dd)"
	equal "still a guest" "$(probe hypervisor)" "CloisterHv  "
	exit 0
fi
enter
kexec crash /second/vmlinuz /second/initrd "$LINE" || fail "kexec"
echo c > /proc/sysrq-trigger
fail "no crash"
