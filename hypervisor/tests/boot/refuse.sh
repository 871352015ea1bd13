# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# The module says no, clearly, and Linux goes on as it was.
says() { dmesg | tail -n 4 | grep -q "$1" || fail "no message \"$1\""; }
no() { insmod /cloister.ko "$@" 2>/dev/null && fail "went in with $*"; }
no
says 'which memory'
no start=0x10000000 size=0x4000000
says 'is not reserved'
no start=$START size=0x8000000
says 'is not reserved'
no start=$START size=0x400000
says 'did not start'
echo garbage > /tmp/image
no start=$START size=$SIZE image=/tmp/image
says 'did not start'
no start=$START size=$SIZE image=/tmp/none
says 'no image'
dd if=/lib/firmware/cloister-hypervisor of=/tmp/image bs=1000 count=1 2>/dev/null
no start=$START size=$SIZE image=/tmp/image
says 'did not start'
# A processor that is offline could be woken outside of the hypervisor, by an NMI.
echo 0 > /sys/devices/system/cpu/cpu1/online || fail offline
no start=$START size=$SIZE
says '1 of 2 processors are online'
echo 1 > /sys/devices/system/cpu/cpu1/online || fail online
enter image=/lib/firmware/cloister-hypervisor
equal "in" "$(probe hypervisor)" "CloisterHv  "
leave
