# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# tpm: tpm-tis
# quoting: yes
# uki: yes
# judge: uki-verify
# memory: 1024
# timeout: 1200
# The measured launch as on a machine: OVMF starts a unified kernel image, whose initramfs starts the hypervisor by the script that initramfs-tools
# would run. What the PCRs then hold was computed from files alone; evidence taken later is trusted by those values (boot/uki-verify).
[ -x /guest/attested-host ] || skip "no enclaves: make loader"
[ -d /sys/firmware/efi ] || fail "not started by EFI"
challenge=5ca1ab1e
out() { # NAME FILE
	base64 "$2" | sed "s/^/OUT $1 /"
	echo "OUT-END $1"
}
pcr() { cat "/sys/class/tpm/tpm0/pcr-sha256/$1"; }
# As in an initramfs: the module where modprobe finds it.
modules=/lib/modules/$(uname -r)
mkdir -p /etc/cloister "$modules"
mv /cloister.ko "$modules/"
echo "cloister.ko:" >"$modules/modules.dep"
launch() { CLOISTER_CONFIG=/etc/cloister/$1 /scripts/init-premount/cloister 2>&1; }

# What does not start it: no settings, the command line, no memory; REQUIRED stops the boot.
launch nothing | grep -q 'is not started' || fail "without settings"
[ ! -e /sys/kernel/cloister ] || fail "started without settings"
: >/etc/cloister/plain.conf
echo "root=/dev/vda memmap=64M\$0x18000000 cloister=off" >/tmp/cmdline
CLOISTER_CMDLINE=/tmp/cmdline launch plain.conf | grep -q 'off by the command line' || fail "off"
echo "root=/dev/vda" >/tmp/cmdline
CLOISTER_CMDLINE=/tmp/cmdline launch plain.conf | grep -q 'goes on without' || fail "no memory"
echo REQUIRED=yes >/etc/cloister/required.conf
CLOISTER_CMDLINE=/tmp/cmdline launch required.conf | grep -q 'PANIC.*memmap=' || fail "no memory, required"
[ ! -e /sys/kernel/cloister ] || fail "started"
echo "the command line: $(cat /proc/cmdline)"
for n in 0 1 2 3 4 5 6 7 8 9 11 12; do echo "PCR $n $(pcr $n)"; done

# The real thing: memory by the command line, the key by the TPM.
printf 'REQUIRED=yes\nMODULE_OPTIONS="serial=0x3f8"\n' >/etc/cloister/hypervisor.conf
launch hypervisor.conf | grep 'trust: trusted' || fail "not started: $(cat /sys/kernel/cloister/trust) $(dmesg | tail -n 5)"
equal "status" "$(cat /sys/kernel/cloister/status)" guest
echo "PCR 21 $(pcr 21)"
mount -t securityfs security /sys/kernel/security || fail "securityfs"
cat /sys/kernel/security/tpm0/binary_bios_measurements >/tmp/log.bin
cloister-quoted --print-ak >/tmp/ak.pem || fail "no attestation key"
cloister-quoted --socket /tmp/quoting --aesm-socket /tmp/aesm --backend hv:pcrs=8-12 >/tmp/log 2>&1 &
service=$!
until grep -q ready /tmp/log; do
	kill -0 $service 2>/dev/null || fail "the service: $(cat /tmp/log)"
	sleep 0.1
done
/guest/attested-host /tmp/aesm /guest/attested.enclave $challenge /tmp/evidence || fail "no evidence: $(cat /tmp/log)"
kill $service
wait $service
out evidence /tmp/evidence
out ak /tmp/ak.pem
out log /tmp/log.bin
leave
