#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Policies: the examples of the documentation hold, and say what they say against real evidence; every error message that the
# documentation shows is the one that is given; exit statuses.
. "$(dirname "$0")/lib.sh"
docs=$(cd "$(dirname "$0")/../../docs" && pwd)
cloister() { "$CLOISTER" "$@"; }

for policy in "$docs"/examples/*.yaml; do
	expect "check $(basename "$policy")" "$policy: ok" "$(cloister policy check "$policy" 2>&1)"
	cloister policy explain "$policy" | grep -q 'Required by this policy' || fail "explain $policy says nothing"
done

# refused WHAT TEXT: a policy with that text is refused, with what the documentation's table says.
refused() {
	local said
	printf '%b' "$2" >bad.yaml
	said=$(cloister policy check bad.yaml 2>&1) && fail "$1: accepted"
	[ "$(printf '%s\n' "$said" | wc -l)" = 1 ] || fail "$1: more than one line: $said"
	case $said in *"$1"*) ;; *) fail "expected \"$1\", got \"$said\"" ;; esac
	grep -qF -- "\`$1" "$docs/ATTESTATION.md" || fail "docs/ATTESTATION.md does not show \"$1\""
	echo "ok $1"
}
head='version: 1\nname: t\ntypes: [sgx-quote]\n'
h31=$(printf 'ab%.0s' {1..31})
base="${head}require:\n- {claim: tcb.status, in: [UpToDate]}\n- {claim: sgx.mrenclave, equals: ${h31}ab}\n"
refused 'no claim is called "sgx.mrenclav" (did you mean "sgx.mrenclave"?)' "$base- {claim: sgx.mrenclav, equals: ab}\n"
refused 'unknown key "atleast" (did you mean "at_least"?)' "$base- {claim: sgx.isvsvn, atleast: 3}\n"
refused 'sgx.mrenclave has 32 bytes (64 hex digits), not 31' "$base- {claim: sgx.mrenclave, equals: $h31}\n"
refused 'tcb.status is never "Uptodate" (did you mean "UpToDate"?)' "$base- {claim: tcb.status, in: [Uptodate]}\n"
refused 'Revoked cannot be accepted' "$base- {claim: tcb.status, in: [UpToDate, Revoked]}\n"
refused 'sgx.isvsvn is at most 65535' "$base- {claim: sgx.isvsvn, at_least: 70000}\n"
refused 'debug is true or false: it cannot be compared with "at_most"' "$base- {claim: debug, at_most: 0}\n"
refused 'an empty list can never match' "$base- {claim: sgx.isvsvn, in: []}\n"
refused 'no rule uses this set' "${base}references: {r: {source: x, sgx.isvsvn: 1}}\n"
refused 'never states this claim' "version: 1\nname: t\ntypes: [snp-report]\nreferences: {r: {source: x, sgx.isvsvn: 1}}\nrequire: [{reference: r}]\n"
refused 'no rule says which tcb.status is accepted of sgx-quote' "${head}require:\n- {claim: sgx.mrenclave, equals: ${h31}ab}\n"
refused 'no rule says which program is accepted of sgx-quote' "${head}require:\n- {claim: tcb.status, in: [UpToDate]}\n"
refused 'say which types the rule is for' "${base/sgx-quote/sgx-quote, nitro}"
refused 'no value of sgx.isvsvn passes all the rules about it' "$base- {claim: sgx.isvsvn, at_least: 3}\n- {claim: sgx.isvsvn, equals: 2}\n"
refused 'what is not stated proves nothing' "$base- {claim: sgx.isvsvn, exists: false}\n"
refused 'what is not stated proves nothing' "$base- {not: {claim: sgx.isvsvn, exists: true}}\n"
refused 'anchors (&) are not allowed in a policy' "${base}allow: &a [debug]\n"
refused 'is there twice' "${base}name: again\n"
cloister policy check missing.yaml 2>/dev/null; expect "a file that is not there" 2 $?
cloister policy check bad.yaml 2>/dev/null; expect "a policy that is refused" 1 $?
cloister policy 2>/dev/null; expect "no operand" 2 $?
cloister policy claims | grep -q '^sgx.mrenclave .*bytes' || fail "policy claims does not list sgx.mrenclave"

# The examples against evidence of real platforms, with these platforms' measurements in them.
evidence=${EVIDENCE:-$docs/../../shared/evidence}
[ -d "$evidence" ] || { echo "the rest needs real evidence: no folder $evidence"; exit 0; }
claim() { # FILE NAME
	cloister dump --json "$1" | python3 -c 'import json, sys
def find(o, name):
    if isinstance(o, dict):
        if name in o: return o[name]
        if o.get("name") == name: return o.get("value")
        o = list(o.values())
    if isinstance(o, list):
        for x in o:
            r = find(x, name)
            if r is not None: return r
value = find(json.load(sys.stdin), sys.argv[1])
print(value.get("value", value) if isinstance(value, dict) else value)' "$2"
}
# adapted EXAMPLE FILE CLAIM...: the example as mine.yaml, with the claims of the evidence
adapted() {
	local example=$1 file=$2 name
	cp "$docs/examples/$example" mine.yaml
	shift 2
	for name; do
		sed -i "0,/^    $name: .*/s//    $name: \"$(claim "$file" "$name")\"/" mine.yaml
	done
}
# verdict WHAT STATUS ARGUMENT...
verdict() {
	local what=$1 status=$2
	shift 2
	cloister verify -p mine.yaml "$@" >out 2>&1
	[ $? = "$status" ] || { cat out; fail "$what: not $status"; }
	echo "ok $what"
}
sgx=$evidence/sgx/phala-v3-quote.bin
sgx_options="-c $evidence/sgx/phala-v3-collateral.json --at 2025-06-25"
hello=48656c6c6f2c20776f726c6421
# shellcheck disable=SC2086 # options
{
	adapted sgx-enclave.yaml "$sgx" sgx.mrenclave sgx.mrsigner
	verdict "SGX enclave trusted" 0 "$sgx" $sgx_options --report-data $hello
	verdict "SGX for other report data" 1 "$sgx" $sgx_options --report-data 00
	verdict "SGX without report data" 2 "$sgx" $sgx_options
	verdict "SGX without collateral" 2 "$sgx" --at 2025-06-25 --report-data $hello
	verdict "SGX with collateral that is expired" 1 "$sgx" -c "$evidence/sgx/phala-v3-collateral.json" --at 2025-09-25 --report-data $hello
	sed -i 's/, INTEL-SA-00615//' mine.yaml
	verdict "SGX with an advisory that was not looked at" 1 "$sgx" $sgx_options --report-data $hello
	cp "$docs/examples/sgx-enclave.yaml" mine.yaml
	verdict "SGX of another program" 1 "$sgx" $sgx_options --report-data $hello
	grep -q 'policy.code .*sgx.mrenclave is ' out || fail "nothing says what was found instead"
}
tdx=$evidence/tdx/phala-v4-quote.bin
adapted confidential-vm.yaml "$tdx" tdx.mrtd tdx.rtmr.0 tdx.rtmr.1 tdx.rtmr.2
verdict "TDX guest trusted" 0 "$tdx" -c "$evidence/tdx/phala-v4-collateral.json" --at 2025-06-25 --report-data "$(claim "$tdx" report_data)"
verdict "an SGX quote under this policy" 1 "$sgx" -c "$evidence/sgx/phala-v3-collateral.json" --at 2025-06-25 --report-data $hello
snp=$evidence/snp/ms-genoa-report.bin
adapted confidential-vm.yaml "$snp" snp.measurement
sed -i '/snp.revocation_checked/d; s/0x17/0x01/; s/0x48/0x01/; s/0xd5/0x01/' mine.yaml
snp_chain="-c $evidence/snp/ms-genoa-vcek.pem -c $evidence/snp/ms-genoa-ask.pem"
# shellcheck disable=SC2086 # options
{
	verdict "SNP guest trusted" 0 "$snp" $snp_chain --at 2026-06-25 --report-data "$(claim "$snp" report_data)"
	sed -i 's/snp.tcb.microcode, at_least: 0x01/snp.tcb.microcode, at_least: 0xff/' mine.yaml
	verdict "SNP guest with older firmware than wanted" 1 "$snp" $snp_chain --at 2026-06-25 --report-data "$(claim "$snp" report_data)"
}
nitro=$evidence/nitro/anjuna-prod-doc.cbor
adapted nitro-enclave.yaml "$nitro" nitro.pcr.0 nitro.pcr.1 nitro.pcr.2
verdict "Nitro enclave trusted within its minutes" 0 "$nitro" --at 2021-03-17T22:05:00Z
verdict "Nitro document of an hour ago" 1 "$nitro" --at 2021-03-17T23:01:55Z
verdict "a recorded Nitro document is not fresh by its own time" 1 "$nitro" --evidence-time
