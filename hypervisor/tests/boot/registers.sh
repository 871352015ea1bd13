# SPDX-License-Identifier: Apache-2.0
# cpus: 1 2
# SVM is hidden, and no MSR or instruction of it is to be had; VMMCALL is the kernel's alone.
insmod /attack.ko || fail attack
# all on processor 0: some registers differ between processors
attack() { taskset 1 sh -c "echo $* > /proc/attack && cat /proc/attack"; }
svm() { probe cpuid 80000001 | cut -d' ' -f3; }
native=$((0x$(svm)))
equal "SVM, native" $((native >> 2 & 1)) 1
enter
guest=$((0x$(svm)))
equal "SVM" $((guest >> 2 & 1)) 0
equal "SVM features" "$(probe cpuid 8000000a)" "00000000 00000000 00000000 00000000"
equal "hypervisor bit" $((0x$(probe cpuid 1 | cut -d' ' -f3) >> 31)) 1
efer=$(attack rdmsr c0000080 | cut -d' ' -f2)
equal "EFER.SVME reads" $((0x$efer >> 12 & 1)) 0
equal "EFER as it is" "$(attack wrmsr c0000080 "$efer")" "ok $efer"
equal "EFER.SVME" "$(attack wrmsr c0000080 "$(printf %x $((0x$efer | 1 << 12)))")" gp
equal "EFER without LME" "$(attack wrmsr c0000080 "$(printf %x $((0x$efer & ~(1 << 8))))")" gp
equal "EFER reserved" "$(attack wrmsr c0000080 "$(printf %x $((0x$efer | 1 << 40)))")" gp
equal "VM_CR reads" "$(attack rdmsr c0010114)" "ok 18"
equal "VM_CR" "$(attack wrmsr c0010114 0)" gp
equal "VM_HSAVE_PA reads" "$(attack rdmsr c0010117)" "ok 0"
equal "VM_HSAVE_PA" "$(attack wrmsr c0010117 1000)" gp
equal "VM_HSAVE_PA as it is" "$(attack wrmsr c0010117 0)" "ok 0"
base=$(attack rdmsr 1b | cut -d' ' -f2)
equal "APIC base as it is" "$(attack wrmsr 1b "$base")" "ok $base"
equal "APIC base" "$(attack wrmsr 1b "$(printf %x $((0x$base + 0x1000)))")" gp
equal "SYSCFG" "$(attack wrmsr c0010010 800000)" gp
# memory types: as the firmware made them
type=$(attack rdmsr 200 | cut -d' ' -f2)
equal "MTRR as it is" "$(attack wrmsr 200 "$type")" "ok $type"
equal "MTRR base" "$(attack wrmsr 200 "$(printf %x $((0x$type ^ START)))")" gp
equal "MTRR mask" "$(attack wrmsr 201 "$(printf %x $((SIZE | 0x800)))")" gp
equal "MTRR, fixed" "$(attack wrmsr 250 0101010101010101)" gp
# What would change the processor under us, or show what an enclave does: each bit that counts, and the value that is there
for msr in c0010020 c0010021; do
	equal "microcode by $msr" "$(attack wrmsr $msr ffffffff81000000)" "ok ffffffff81000000"
done
for change in c0010015:1 c0010016:${START#0x} c0010018:${START#0x} c001001a:1000 c001001d:1000 c0010058:18000001 c0010064:80000000 c001006b:1 \
	c0010070:1 c0010111:30000 c0010112:${START#0x} c0010113:1 c0010115:1 c0010118:1 c001011b:1 c0010130:1 c0010132:${START#0x} c0011004:1 \
	c0011005:1 c0011022:1 c0011029:2 c0011040:1 c00111ff:1 6a0:1 6a2:1 6a4:1000 6a7:1000 6e1:4 da0:800 da0:1000 1d9:1 \
	c000010f:4 c000010f:40 c0011030:1000000000000 c0011033:20000; do
	msr=${change%:*}
	now=$(attack rdmsr "$msr" | cut -d' ' -f2)
	[ "$now" = gp ] && continue # not there
	equal "MSR $msr as it is" "$(attack wrmsr "$msr" "$now")" "ok $now"
	equal "MSR $msr" "$(attack wrmsr "$msr" "$(printf %x $((0x$now ^ 0x${change#*:})))")" gp
done
# of the same MSRs, what Linux needs: BTF, branch sampling's reserved bits, IBS switched off; breakpoints' masks, speculation
for pass in 1d9:2 c000010f:18 c0011030:ffff c0011033:ffff c0011019:fff c001101b:fff c0011027:fff c0011020:400 c0010062:1 c0010000:530076; do
	equal "MSR ${pass%:*} passes" "$(attack wrmsr "${pass%:*}" "${pass#*:}")" "ok ${pass#*:}"
done
equal "BTF off again" "$(attack wrmsr 1d9 0)" "ok 0"
type=$(attack rdmsr 2ff)
equal "MTRRs off" "$(attack wrmsr 2ff 0)" "ok 0"
equal "MTRRs are on" "$(attack rdmsr 2ff)" "$type"
pat=$(attack rdmsr 277)
equal "PAT is the guest's own" "$(attack wrmsr 277 0606060606060606)" "ok 606060606060606"
equal "PAT, EPC's entry" "$(attack wrmsr 277 0606060606060601)" gp
equal "PAT, a type that is none" "$(attack wrmsr 277 0606060602060606)" gp
equal "PAT reads" "$(attack rdmsr 277)" "ok 606060606060606"
equal "PAT back" "$(attack wrmsr 277 "${pat#ok }")" "$pat"
equal "IBS" $((0x$(svm) >> 10 & 1)) 0
equal "owner epoch, written" "$(attack wrmsr 300 5)" "ok 5"
equal "owner epoch, read" "$(attack rdmsr 300)" gp
# A20: masked, what is in one half of 2 MiB is found in the other, the hypervisor's memory too (it ends in VMRUN, in QEMU)
attack outb 92 0 > /dev/null
attack outb 64 dd > /dev/null
equal "the hypervisor answers" "$(attack vmmcall 434c5300)" "ok 3"
for instruction in vmrun vmload vmsave stgi clgi skinit invlpga; do # INVD: QEMU 7.2 takes its intercept for that of WBINVD
	equal $instruction "$(attack $instruction)" fault
done
equal "VMMCALL, kernel" "$(attack vmmcall 434c5300)" "ok 3"
equal "VMMCALL, unknown" "$(attack vmmcall 7)" "ok ffffffffffffffea"
equal "VMMCALL, program" "$(probe vmmcall 434c5300)" "signal 4"
equal "VMMCALL leave, program" "$(probe vmmcall 434c5302)" "signal 4"
equal "leave with a bad table" "$(attack vmmcall 434c5302)" "ok ffffffffffffffea"
equal "ENCLS leaf 99" "$(attack encls 99)" fault
case $(probe enclu 99) in signal*) ;; *) fail "ENCLU leaf 99" ;; esac
differ "refused MSRs" "$(counter msr_refused)" 0
differ "refused instructions" "$(counter svm_refused)" 0
equal "own faults" "$(counter faults_own)" 0
leave
equal "SVM again" $((0x$(svm))) $native
