# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# machine: -device amd-iommu,intremap=off -device edu,dma_mask=0xffffffff
# QEMU 7.2 loses devices' fixed interrupts once a device table entry says "interrupts pass unmapped" (amdvi_int_remap_msi builds the message anew
# from nothing): nothing here waits for one.
# A device reads and writes reserved memory: nothing reaches it. Memory of Linux's it reaches as before.
insmod /attack.ko || fail attack
epc=0x1a000000
equal "write, native" "$(attack dmawrite $epc 77)" "ok 77"
equal "read, native" "$(attack dmaread $epc)" "ok 77"
enter
equal "IOMMUs" "$(cat /sys/kernel/cloister/iommus)" 1
case $(attack dmaread $epc) in "ok 77" | "no device") fail "EPC read by a device" ;; esac
equal "write EPC" "$(attack dmawrite $epc 99)" "ok 99"
case $(attack dmaread $START) in "ok 0" | "ok ffffffffffffffff" | "ok 5555" | "ok 99") ;; *) fail "image read by a device" ;; esac
equal "write the image" "$(attack dmawrite $START 99)" "ok 99"
# The device's own registers in the place of EPC, of the image and of the IOMMU: memory and the IOMMU answer first, and Linux reaches neither.
home=$(attack bar $epc | cut -d' ' -f2)
for place in $epc $START 0xfed80000; do
	attack bar $place > /dev/null
	equal "device at $place" "$(attack read $place)" "ok ffffffffffffffff"
	equal "device at $place, written" "$(attack write $place 1)" "ok 0"
	equal "name, device at $place" "$(probe hypervisor)" "CloisterHv  "
done
attack bar "$home" > /dev/null
equal "write the image, again" "$(attack dmawrite $START 99)" "ok 99"
echo "refused: $(cat /sys/kernel/cloister/dma_refused)"
equal "lives" "$(probe hypervisor)" "CloisterHv  "
leave
equal "EPC was not written" "$(attack read $epc)" "ok 0"
differ "image was not written" "$(attack read $START)" "ok 99"
