#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs in an enclave ask for evidence as on Linux (configfs-tsm) and as under Gramine (/dev/attestation); `cloister verify` outside
# judges it by the measurement of this enclave. Another program, another argument, other report data are refused.
. "$(dirname "$0")/lib.sh"
need openssl
mkdir out other
attester=sim,folder=$PWD/signer
nonce=$(openssl rand -hex 64)
cat >inner.sh <<'E2'
set -e
cd /sys/kernel/config/tsm/report
fails() { # WHAT COMMAND...
	what=$1
	shift
	if "$@" 2>/dev/null; then echo "FAIL $what"; else echo "ok $what"; fi
}
fails "a report's name is not made by mkdir elsewhere" mkdir ../x
mkdir one two
[ "$(echo *)" = "one two" ] && echo "ok listing"
[ "$(ls one | tr '\n' ' ')" = "generation inblob outblob provider " ] && echo "ok attributes"
fails "the same name twice" mkdir one
fails "evidence before inblob is written" cat one/outblob
[ "$(cat one/generation)" = 0 ] && echo "ok generation 0"
cat /io/nonce >one/inblob
[ "$(cat one/generation)" = 1 ] && echo "ok generation 1"
[ "$(cat one/provider)" = cloister_sim ] && echo "ok provider"
cat one/outblob >/io/one.evidence
cat one/outblob | cmp - /io/one.evidence && echo "ok read again: the same evidence"
head -c 65 /dev/zero >/tmp/long
fails "65 bytes for inblob" cp /tmp/long two/inblob
[ "$(cat two/generation)" = 0 ] && echo "ok a refused write counts nothing"
rmdir one two
[ -z "$(ls)" ] && echo "ok gone"
cd /dev/attestation
[ "$(cat attestation_type)" = cloister ] && echo "ok type"
head -c 64 /dev/zero | cmp - user_report_data && echo "ok starts as zeroes"
python3 - <<'PY'
import os, threading
nonce = open("/io/nonce", "rb").read()
open("user_report_data", "wb").write(nonce)
assert open("user_report_data", "rb").read() == nonce
quote = open("quote", "rb").read()
open("/io/gramine.evidence", "wb").write(quote)
if os.fork() == 0:  # a process's own
    os._exit(0 if open("user_report_data", "rb").read() == bytes(64) else 1)
assert os.wait()[1] == 0
def many(name):
    d = "/sys/kernel/config/tsm/report/" + name
    for i in range(20):
        os.mkdir(d)
        data = (name + str(i)).encode().ljust(64, b"\0")
        open(d + "/inblob", "wb").write(data)
        assert data in open(d + "/outblob", "rb").read()
        os.rmdir(d)
threads = [threading.Thread(target=many, args=("t%d" % i,)) for i in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print("ok threads")
PY
E2
printf '%s' "$nonce" | sed 's/../\\x&/g' | xargs -0 printf >out/nonce
run() { "$CLOISTER" run --attester "$attester" -v "$PWD/out:/io" -v "$PWD/inner.sh:/inner.sh" "$@"; }
run bash /inner.sh >log 2>&1 || fail "in the enclave: $(cat log)"
cat log
if grep -q FAIL log; then fail "in the enclave"; fi
[ "$(grep -c '^ok' log)" -eq 15 ] || fail "not all was tried: $(cat log)"

claim() { "$CLOISTER" dump --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["claims"][sys.argv[1]])' "$2"; }
measurement=$(claim out/one.evidence sim.measurement) || fail dump
config=$(claim out/one.evidence sim.config)
cat >policy.yaml <<E2
version: 1
name: simulated
types: [sim]
allow: [simulated, custom-root]
require:
  - {claim: sim.measurement, equals: "$measurement"}
  - {claim: sim.config, equals: "$config"}
E2
judge() { # WHAT STATUS FILE NONCE
	"$CLOISTER" verify "$3" --policy policy.yaml --root "sim=signer/sim-key.pub.pem" --report-data "$4" >verdict 2>&1
	status=$?
	[ $status = "$2" ] && echo "ok $1" || fail "$1: status $status: $(cat verdict)"
}
judge "evidence of configfs-tsm is trusted" 0 out/one.evidence "$nonce"
judge "evidence of /dev/attestation is trusted" 0 out/gramine.evidence "$nonce"
judge "other report data" 1 out/one.evidence "${nonce//[0-7]/8}"
# The same again has the same measurement; another argument or program has not.
"$CLOISTER" run --attester "$attester" -v "$PWD/other:/io" -v "$PWD/inner.sh:/inner.sh" bash -c 'cat /dev/attestation/quote >/io/e' || fail "again"
judge "another argument" 1 other/e 00
[ "$(claim other/e sim.measurement)" = "$measurement" ] || fail "another argument changes the measurement, which it must not"
[ "$(claim other/e sim.config)" != "$config" ] || fail "another argument does not change the configuration"
run python3 -c 'open("/io/e", "wb").write(open("/dev/attestation/quote", "rb").read())' || fail "python"
[ "$(claim out/e sim.measurement)" != "$measurement" ] || fail "another program has the same measurement"
echo "ok measurement and configuration"
# Our own attesters inside: `cloister evidence` finds both.
for attester_inside in tsm gramine; do
	run -v "$O/bin:/bin-of-cloister:ro" /bin-of-cloister/cloister evidence --attester $attester_inside --report-data "$nonce" -o /io/inside ||
		fail "cloister evidence --attester $attester_inside"
	[ "$(claim out/inside report_data)" = "$nonce" ] || fail "$attester_inside: evidence with other report data"
done
echo "ok cloister evidence inside"
# None.
[ "$("$CLOISTER" run --attester none cat /dev/attestation/attestation_type)" = none ] || fail "--attester none"
"$CLOISTER" run --attester none cat /dev/attestation/quote 2>/dev/null && fail "a quote without an attester"
"$CLOISTER" run --attester none mkdir /sys/kernel/config/tsm/report/x 2>err && fail "a report without an attester"
grep -q 'No such device or address' err || fail "not ENXIO: $(cat err)"
"$CLOISTER" run --attester nonsense cat /dev/attestation/quote 2>err && fail "an attester that does not exist"
grep -q nonsense err || fail "an attester that does not exist is not named: $(cat err)"
echo "ok without evidence"
