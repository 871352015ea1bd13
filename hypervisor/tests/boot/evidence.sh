# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# tpm: tpm-tis
# quoting: yes
# judge: evidence-verify
# memory: 640
# timeout: 900
# Evidence of an enclave from end to end: the TPM's attestation key, the hypervisor started for it, the quoting service, an enclave's
# REPORT, and the evidence handed out to a verifier that never saw this machine (boot/evidence-verify).
[ -x /guest/attested-host ] || skip "no enclaves: make loader"
[ -c /dev/tpmrm0 ] || fail "no TPM"
mount -t securityfs security /sys/kernel/security || fail "securityfs"
challenge=00112233445566778899aabbccddeeff0123456789abcdef
out() { # NAME FILE: out of the guest, through the console
	base64 "$2" | sed "s/^/OUT $1 /"
	echo "OUT-END $1"
}
sockets="--socket /tmp/quoting --aesm-socket /tmp/aesm"
cd /guest || fail "cd"

# Before the hypervisor: no device, said so; the key's name, twice the same.
cloister-quoted $sockets --backend hv 2>/tmp/log && fail "a service without a hypervisor"
grep -q 'is the module cloister loaded' /tmp/log || fail "$(cat /tmp/log)"
name=$(cloister-quoted --print-ak-name) || fail "no name of the attestation key"
equal "the key's name again" "$(cloister-quoted --print-ak-name)" "$name"
cloister-quoted --print-ak >/tmp/ak.pem || fail "no attestation key"
pcr() { cat "/sys/class/tpm/tpm0/pcr-sha256/$1"; }
before=$(pcr 22)

enter ak_name="$name"
differ "PCR 22" "$(pcr 22)" "$before"
[ "$(stat -c %a /dev/cloister_hypervisor)" = 600 ] || fail "who may open the device: $(stat -c %a /dev/cloister_hypervisor)"
cloister-quoted $sockets --backend hv --backend sgx 2>/tmp/log && fail "two back ends for AESM"
grep -q 'one of the back ends' /tmp/log || fail "$(cat /tmp/log)"
cloister-quoted $sockets --backend hv:hierarchy=owner 2>/tmp/log && fail "a service with another key"
grep -q 'another attestation key' /tmp/log || fail "$(cat /tmp/log)"
cloister-quoted $sockets --backend hv:pcrs=8-9 --verbose >/tmp/log 2>&1 &
service=$!
until grep -q ready /tmp/log; do
	kill -0 $service 2>/dev/null || fail "the service: $(cat /tmp/log)"
	sleep 0.1
done

./attested-host /tmp/aesm attested.enclave $challenge /tmp/evidence || fail "no evidence: $(cat /tmp/log)"
out evidence /tmp/evidence
out ak /tmp/ak.pem
for n in 0 1 2 3 4 5 6 7; do echo "PCR $n $(pcr $n)"; done
# Any bit of a REPORT changed: body, report data, key id, MAC.
for bit in 0 511 600 1100 2559 3070 3100 3327 3328 3455; do
	./attested-host --forge $bit /tmp/aesm attested.enclave $challenge /tmp/forged 2>/tmp/error
	equal "status for bit $bit" $? 3
	grep -q 'AESM error 47' /tmp/error || fail "bit $bit: $(cat /tmp/error)"
	[ ! -e /tmp/forged ] || fail "evidence of a forged REPORT"
done
# Another challenge, another evidence, by the same service.
./attested-host /tmp/aesm attested.enclave ff /tmp/other || fail "no other evidence"
cmp -s /tmp/evidence /tmp/other && fail "two challenges, one evidence"
kill $service
wait $service
equal "status of the service" $? 0
leave
[ ! -e /dev/cloister_hypervisor ] || fail "the device is still there"
