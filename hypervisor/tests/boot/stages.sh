# SPDX-License-Identifier: Apache-2.0
# cpus: 2 1
# memory: 1024
# second: yes
# timeout: 1800
# A boot in two stages: the first kernel becomes a guest and goes on, by kexec, to a second one, stock and unmodified, that finds SGX there from its start.
# All enclaves run by its own driver: calls, threads, exceptions, AVX, EDMM, and over-commit by its own reclaimer.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
LINE="console=ttyS0 panic=-1 quiet no_timer_check printk.time=0 printk.devkmsg=on second=$(cpus)"
if ! grep -q second= /proc/cmdline; then
	said=$(cloister-stage2 /second/vmlinuz /second/initrd "$LINE" 2>&1) && fail "went without a hypervisor"
	equal "refusal" "$said" "cloister-stage2: no hypervisor here: load the module cloister first"
	enter epc=0x400000
	(cd /guest && ./counter-host counter.enclave) || fail "the first kernel's driver"
	(exec 3</dev/sgx_enclave && exec sleep 1000) &
	holder=$!
	while [ "$(cat /sys/module/cloister/refcnt)" = 0 ]; do usleep 10000; done
	cloister-stage2 /second/vmlinuz /second/initrd "$LINE" && fail "went with an enclave open"
	kill $holder
	wait $holder
	cloister-stage2 -n /second/vmlinuz /second/initrd "$LINE nosgx" && fail "nosgx"
	cloister-stage2 -n /second/none /second/initrd "$LINE" && fail "no kernel"
	said=$(cloister-stage2 -n /second/vmlinuz /second/initrd "BOOT_IMAGE=/x quiet memmap=64M\$0x18000000 crashkernel=1M memmap=1M\$0x1000")
	equal "command line" "${said#*--command-line=}" "'quiet memmap=1M\$0x1000 memmap=65536K\$0x18000000'"
	equal "not asked to stay" "$(cat /sys/module/cloister/parameters/stay)" N
	cloister-stage2 /second/vmlinuz /second/initrd "$LINE"
	fail "still here"
fi
insmod /attack.ko || fail attack
equal "hypervisor" "$(probe hypervisor)" "CloisterHv  "
[ ! -e /sys/module/cloister ] || fail "our module is here"
dmesg | grep -q 'sgx: EPC section 0x[0-9a-f]*-0x1bffffff' || fail "the driver found no EPC"
equal "processors" "$(cpus)" "$(sed 's/.*second=\([0-9]*\).*/\1/' /proc/cmdline)"
i=0
while [ $i -lt "$(cpus)" ]; do
	equal "processor $i" "$(taskset $((1 << i)) probe hypervisor)" "CloisterHv  "
	i=$((i + 1))
done
[ -c /dev/sgx_enclave ] || fail "no /dev/sgx_enclave"
[ -c /dev/sgx_provision ] || fail "no /dev/sgx_provision"
for page in $START 0x1bc00000 0x1bfff000; do
	equal "read $page" "$(attack read "$page")" "ok ffffffffffffffff"
done
cd /guest || fail "cd"
heavy="many flipped overcommit pressure"
[ "$(cpus)" != 1 ] || heavy=
bad=
for t in calls threads busy busy-tcs ocalls nested exceptions instructions exception-lost epcm-fault registers vectors avx no-avx signals killed \
	report keys measurement provision debug ioctls mappings \
	driver-create driver-order driver-compat driver-add driver-init driver-grant driver-edmm driver-edmm-pages \
	map-before-create map-before-init map-after-init map-advice map-system-calls map-moved shared-file core-dump exec debugger \
	own-calls own-interrupts own-signals own-abandoned own-bad-entries own-steps \
	shape-frames shape-no-misc shape-many-threads shape-zero-base \
	echo remapped fork abort-page grow pending accept-copy restrict trim new-thread $heavy; do
	timeout 600 ./enclave-tests . "$t" || bad="$bad $t"
done
[ -z "$bad" ] || fail "$bad"
if [ "$(cpus)" != 1 ]; then
	echo 0 > /sys/devices/system/cpu/cpu1/online || fail "offline"
	echo 1 > /sys/devices/system/cpu/cpu1/online || fail "online"
fi
./enclave-tests . threads || fail "threads, after hotplug"
# Our module has nothing to load here: it attaches, and goes again.
insmod /cloister.ko || fail "attach"
equal "status" "$(cat /sys/kernel/cloister/status)" guest
equal "known processors" "$(cat /sys/kernel/cloister/processors)" "$(cpus)"
tries=0 # the last file's release may come a little later
until [ "$(cat /sys/kernel/cloister/epc_used)" = 0 ] || [ $tries = 1000 ]; do
	usleep 10000
	tries=$((tries + 1))
done
equal "EPC" "$(cat /sys/kernel/cloister/epc_used)" 0
equal "own faults" "$(counter faults_own)" 0
rmmod cloister || fail "rmmod"
equal "hypervisor, still" "$(probe hypervisor)" "CloisterHv  "
dmesg | grep -E 'WARNING|BUG|Oops|lockup|sgx:' | grep -v 'sgx: EPC section' && fail "Linux complains"
true
