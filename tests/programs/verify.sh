#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `cloister verify`, `dump`, `policy`: a real SGX quote with real collateral in and out of its window, and everything that must not be
# trusted. Needs the folder EVIDENCE.
. "$(dirname "$0")/lib.sh"
need python3 openssl
quote=${EVIDENCE:-}/sgx/phala-v3-quote.bin
collateral=${EVIDENCE:-}/sgx/phala-v3-collateral.json
if [ ! -r "$quote" ] || [ ! -r "$collateral" ]; then
	skip "no evidence samples: EVIDENCE is \"${EVIDENCE:-}\""
fi
inside=2025-07-01T00:00:00Z

# status WHAT EXPECTED ARG...: runs `cloister verify ARG...`, keeps its output in out and err
status() {
	local what=$1 expected=$2
	shift 2
	"$CLOISTER" verify "$@" >out 2>err
	local got=$?
	[ "$got" = "$expected" ] || fail "$what: status $got, expected $expected: $(cat out err)"
	echo "ok $what"
}
judge() { # WHAT EXPECTED EVIDENCE ARG...
	local what=$1 expected=$2 evidence=$3
	shift 3
	status "$what" "$expected" "$evidence" --collateral "$collateral" --at "$inside" "$@"
}

measurement=$("$CLOISTER" dump --json "$quote" | python3 -c 'import json, sys; print(json.load(sys.stdin)["claims"]["sgx.mrenclave"])') ||
	fail "dump --json"
report_data=$("$CLOISTER" dump --json "$quote" | python3 -c 'import json, sys; print(json.load(sys.stdin)["claims"]["report_data"])')
cat >policy.yaml <<EOF
version: 1
name: phala
types: [sgx-quote]
allow: [no-freshness]
require:
  - claim: sgx.mrenclave
    equals: "$measurement"
  - claim: tcb.status
    in: [UpToDate, SWHardeningNeeded, ConfigurationNeeded, ConfigurationAndSWHardeningNeeded]
EOF
if ! "$CLOISTER" policy check policy.yaml >out 2>err; then
	fail "policy check: $(cat err)"
fi
"$CLOISTER" policy explain policy.yaml | grep -q mrenclave || fail "policy explain"
sed "s/$measurement/${measurement//[0-9a-f]/5}/" policy.yaml >other.yaml
printf 'surprise: 1\n' >bad.yaml
"$CLOISTER" policy check bad.yaml 2>err && fail "policy check of an unknown key"
"$CLOISTER" policy claims | grep -q '^sgx.mrenclave ' || fail "policy claims"

judge "trusted" 0 "$quote" --policy policy.yaml
grep -q '^Verdict: trusted' out || fail "no verdict line: $(cat out)"
judge "trusted, bound to its report data" 0 "$quote" --policy policy.yaml --report-data "$report_data"
judge "bound to other report data" 1 "$quote" --policy policy.yaml --report-data 00
grep -q 'Verdict: refused: report_data' out || fail "the reason is not report_data: $(cat out)"
judge "another measurement" 1 "$quote" --policy other.yaml
judge "no policy" 2 "$quote"
grep -q 'no policy was given' out || fail "no policy is not the reason: $(cat out)"
status "no collateral" 2 "$quote" --policy policy.yaml --at "$inside"
status "after the window" 1 "$quote" --policy policy.yaml --collateral "$collateral" --at 2025-09-01
status "from standard input" 0 - --policy policy.yaml --collateral "$collateral" --at "$inside" <"$quote"

for at in 8 60 200 436 500 600 1100 2000; do
	python3 -c 'import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[2])] ^= 1
open("flipped", "wb").write(data)' "$quote" "$at"
	judge "byte $at flipped" 1 flipped --policy policy.yaml
done
head -c 1000 "$quote" >short
judge "cut off" 1 short --policy policy.yaml
: >empty
judge "empty" 1 empty --policy policy.yaml
judge "another type than asked for" 1 "$quote" --policy policy.yaml --type tdx-quote
xxd -p "$quote" >hex 2>/dev/null || python3 -c 'import sys; print(open(sys.argv[1], "rb").read().hex())' "$quote" >hex
judge "as hex" 0 hex --policy policy.yaml
base64 "$quote" >text
judge "as base64" 0 text --policy policy.yaml
printf '{"tee": "tdx", "quote": "%s"}' "$(base64 -w0 "$quote")" >json
judge "in JSON" 0 json --policy policy.yaml

judge "for programs" 0 "$quote" --policy policy.yaml --json
expect "JSON" "trusted sgx-quote phala True" "$(python3 -c 'import json
r = json.load(open("out"))
print(r["verdict"], r["type"], r["policy"]["name"], all(c["outcome"] in ("pass", "note") for c in r["checks"]))')"
judge "for programs, unreadable" 1 short --policy policy.yaml --json
expect "JSON of what is unreadable" refused "$(python3 -c 'import json; print(json.load(open("out"))["verdict"])')"

# The token's signature, checked by openssl alone.
for curve in prime256v1 secp384r1; do
	openssl ecparam -name "$curve" -genkey -noout 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -out key.pem
	openssl pkey -in key.pem -pubout -out public.pem
	judge "EAR with $curve" 0 "$quote" --policy policy.yaml --ear key.pem --report-data "$report_data"
	python3 - <<'EOF' || fail "EAR: $(cat out)"
import base64, json
def decode(text): return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
def integer(n):
    n = n.lstrip(b"\0") or b"\0"
    n = (b"\0" if n[0] & 128 else b"") + n
    return b"\2" + bytes([len(n)]) + n
head, body, sig = open("out").read().strip().split(".")
open("signed", "w").write(head + "." + body)
raw = decode(sig)
half = len(raw) // 2
der = integer(raw[:half]) + integer(raw[half:])
open("signature", "wb").write(b"\x30" + bytes([len(der)]) + der)
header, claims = json.loads(decode(head)), json.loads(decode(body))
assert header["alg"] == {32: "ES256", 48: "ES384"}[half], header
assert claims["eat_profile"] == "tag:ietf.org,2026:rats/ear#04"
part = claims["submods"]["sgx-quote"]
assert part["ear_status"] == "warning", part["ear_status"]
assert part["ear_trustworthiness_vector"]["hardware"] == 32
assert part["ear_trustworthiness_vector"]["executables"] == 3
EOF
	[ "$curve" = secp384r1 ] && hash=sha384 || hash=sha256
	openssl dgst -"$hash" -verify public.pem -signature signature signed >/dev/null || fail "openssl refuses the token's signature"
done
judge "EAR of what is refused" 1 "$quote" --policy other.yaml --ear key.pem
expect "its status" contraindicated "$(python3 -c 'import base64, json
body = open("out").read().split(".")[1]
print(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["ear_status"])')"

for wrong in "--nosuch" "--at yesterday" "--report-data xyz" "--root intel" "--root moon=policy.yaml" "--cache x" "--json --ear key.pem" \
	"--collateral /nonexistent" "--policy /nonexistent" "--policy bad.yaml" "second"; do
	# shellcheck disable=SC2086 # two words
	status "verify $wrong" 2 "$quote" $wrong
	[ "$(wc -l <err)" = 1 ] || fail "verify $wrong: not one line: $(cat err)"
done
status "--rebuild, for which there are no images yet" 2 "$quote" --policy policy.yaml --collateral "$collateral" --at "$inside" \
	--rebuild registry.example/app@sha256:00
grep -q 'rebuild registry.example/app@sha256:00: cannot be decided.*images' err || fail "--rebuild does not say what is missing: $(cat err)"
[ -s out ] && fail "--rebuild judged something: $(cat out)"
status "no operand" 2
status "no such file" 2 /nonexistent
"$CLOISTER" dump --types | grep -qx sgx-quote || fail "dump --types"
"$CLOISTER" dump empty 2>err && fail "dump of nothing"
"$CLOISTER" evidence --attester nosuch --report-data 00 >out 2>err
expect "evidence of an unknown attester" 2 $?
"$CLOISTER" evidence --attester sim >out 2>err
expect "evidence without report data" 2 $?
# A nonce: Nitro has a field for it; an SGX quote's report data begins with it.
judge "the nonce, in report data" 0 "$quote" --policy policy.yaml --nonce "${report_data%%00*}"
judge "another nonce" 1 "$quote" --policy policy.yaml --nonce 0102
status "FILE and --connect" 2 "$quote" --connect localhost:1
status "--connect to nobody" 2 --connect unix:./nobody --policy policy.yaml
grep -q 'nobody' err || fail "the address is not named: $(cat err)"
