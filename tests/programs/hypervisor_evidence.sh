#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Evidence that an enclave on the hypervisor gave under QEMU, kept in tests/evidence/hypervisor: trusted by its policy; refused by each other
# expectation, and with any byte changed that is signed. Where it comes from: hypervisor/tests/boot/evidence.sh.
. "$(dirname "$0")/lib.sh"
need python3
sample=$(cd "$(dirname "$0")/../evidence/hypervisor" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
data=$(cat "$sample/report-data")
verify() { # ARGUMENTS...
	"$CLOISTER" verify --at 2026-11-22T12:00:00Z --root "ak=$sample/ak.pem" "$@" >"$dir/out" 2>&1
}
verify "$sample/evidence" -p "$sample/policy.yaml" --report-data "$data"
expect "trusted" 0 $?
for claim in sgx.mrenclave sgx.mrsigner hv.measurement tpm.pcr.sha256.4; do
	# its first digit is another
	sed -E "/claim: $claim,/{s/equals: \"0/equals: \"x/;s/equals: \"[1-9a-f]/equals: \"0/;s/equals: \"x/equals: \"1/}" "$sample/policy.yaml" >"$dir/policy"
	cmp -s "$dir/policy" "$sample/policy.yaml" && fail "$claim is not in the policy"
	verify "$sample/evidence" -p "$dir/policy" --report-data "$data"
	expect "another $claim" 1 $?
	grep -q "policy.$claim" "$dir/out" || fail "another $claim: not said: $(cat "$dir/out")"
done
sed 's/at_least: 5/at_least: 6/' "$sample/policy.yaml" >"$dir/policy"
verify "$sample/evidence" -p "$dir/policy" --report-data "$data"
expect "an old enclave" 1 $?
verify "$sample/evidence" -p "$sample/policy.yaml" --report-data "ff${data#??}"
expect "other report data" 1 $?
"$CLOISTER" verify "$sample/evidence" -p "$sample/policy.yaml" --report-data "$data" >"$dir/out" 2>&1
expect "a key that nobody trusts" 1 $?
"$CLOISTER" dump "$sample/evidence" >"$dir/out" || fail "dump"
for claim in hv.measurement hv.security_version sgx.mrenclave tpm.pcr.sha256.21 tpm.pcr.sha256.22; do
	grep -q " $claim " "$dir/out" || fail "dump does not show $claim"
done
python3 - "$CLOISTER" "$sample" "$dir" "$data" <<'PY' || fail "changed bytes"
import subprocess, sys
cloister, sample, folder, data = sys.argv[1:]
good = open(sample + '/evidence', 'rb').read()
def verdict(evidence):
    open(folder + '/changed', 'wb').write(evidence)
    return subprocess.run([cloister, 'verify', folder + '/changed', '-p', sample + '/policy.yaml', '--root', 'ak=' + sample + '/ak.pem', '--at',
                           '2026-11-22T12:00:00Z', '--report-data', data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
assert verdict(good) == 0
log = good.index(b'Spec ID Event03') - 32 # the log's first event: TCG PC Client Platform Firmware Profile, TCG_PCClientPCREvent
for at in range(3, log, 11):
    changed = bytearray(good)
    changed[at] ^= 1 << at % 8
    assert verdict(bytes(changed)) != 0, 'byte %d' % at
for end in (0, 435, 436, 1000, log, len(good) - 1):
    assert verdict(good[:end]) != 0, 'cut at %d' % end
assert verdict(good + b'\0') != 0
PY
echo "ok changed bytes"
