# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# tpm: tpm-crb
# A TPM without the FIFO registers (a firmware's, often): the hypervisor runs, says why there is no trust, and keeps its hands off.
pcr() { cat "/sys/class/tpm/tpm0/pcr-sha256/$1"; }
before="$(pcr 21) $(pcr 22)"
[ ${#before} = 129 ] || fail "no PCR 21 and 22: $before"
enter
case $(cat /sys/kernel/cloister/trust) in "none: the TPM has no FIFO interface"*) ;; *) fail "$(cat /sys/kernel/cloister/trust)" ;; esac
equal "PCR 21 and 22" "$(pcr 21) $(pcr 22)" "$before"
leave
insmod /cloister.ko start=$START size=$SIZE seal_pcrs=16 2>/dev/null && fail "PCR 16 in seal_pcrs"
dmesg | tail -n 4 | grep -q "PCR 16 is not one of the boot's" || fail "no message"
insmod /cloister.ko start=$START size=$SIZE ak_name=12 2>/dev/null && fail "a short ak_name"
dmesg | tail -n 4 | grep -q "64 hexadecimal digits" || fail "no message"
