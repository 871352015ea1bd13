#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Our verdicts on Intel's quotes beside those of a verifier that shares no code with ours: dcap-qvl in JavaScript. It is fetched from npm at the first run, by
# the hashes of tests/evidence/peer/package-lock.json, and kept in out/quote-peer. Quotes of the synthetic PKI, and the real ones of EVIDENCE that have collateral
# in one file. SPARSE=1 changes every byte that it can: about 2,900 quotes, a minute.
. "$(dirname "$0")/lib.sh"
need node npm python3
cases=${O:-}/tests/quote_cases
[ -x "$cases" ] || skip "tests/quote_cases is not built"
here=$(cd "$(dirname "$0")/../evidence/peer" && pwd)
peer=$(dirname "$O")/quote-peer
if ! cmp -s "$here/package-lock.json" "$peer/fetched" || [ ! -d "$peer/node_modules/@phala/dcap-qvl" ]; then
	mkdir -p "$peer"
	cp "$here/package.json" "$here/package-lock.json" "$peer/"
	# Nothing of the packages is run while they are installed.
	(cd "$peer" && timeout 60 npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=0 >npm.log 2>&1) ||
		skip "@phala/dcap-qvl cannot be fetched from npm: $(grep -m 1 'error' "$peer/npm.log" | cut -c 1-100)"
	cp "$here/package-lock.json" "$peer/fetched"
fi
"$cases" "${SPARSE:-5}" >cases.jsonl || fail "the cases could not be made"
node "$here/compare.js" cases.jsonl "$peer" || fail "verdicts differ without a reason"

[ -r "${EVIDENCE:-}/sgx/phala-v3-quote.bin" ] || exit 0
cat >policy.yaml <<'YAML'
version: 1
name: peer
types: [sgx-quote, tdx-quote]
allow: [no-freshness, any-code, migration]
require:
  - claim: tcb.status
    in: [UpToDate, SWHardeningNeeded, ConfigurationNeeded, ConfigurationAndSWHardeningNeeded, OutOfDate,
      OutOfDateConfigurationNeeded, TDRelaunchAdvised, TDRelaunchAdvisedConfigurationNeeded]
YAML
cat >judge.js <<'JS'
const fs = require('fs');
const { verify } = require(process.argv[2] + '/node_modules/@phala/dcap-qvl/src/verify.js');
try {
	console.log(verify(fs.readFileSync(process.argv[3]), JSON.parse(fs.readFileSync(process.argv[4])), Number(process.argv[5])).status);
} catch (e) {
	console.log('refused');
}
JS
real() { # QUOTE COLLATERAL TIME [THEIRS]: the same, unless theirs is given
	local ours theirs
	"$CLOISTER" verify "$EVIDENCE/$1" -c "$EVIDENCE/$2" --at "$3" -p policy.yaml --json >result.json 2>/dev/null
	ours=$(python3 -c 'import json
r = json.load(open("result.json"))
print(r["claims"]["tcb.status"] if r["verdict"] == "trusted" else r["verdict"])')
	theirs=$(node judge.js "$peer" "$EVIDENCE/$1" "$EVIDENCE/$2" "$(date -u -d "$3" +%s)")
	if [ -n "${4:-}" ]; then
		expect "$1: ours is $ours, theirs" "$4" "$theirs"
		[ "$ours" != "$theirs" ] || fail "$1: no reason is needed"
	else
		expect "$1" "$theirs" "$ours"
	fi
}
real sgx/phala-v3-quote.bin sgx/phala-v3-collateral.json 2025-07-01T00:00:00Z
real tdx/phala-v4-quote.bin tdx/phala-v4-collateral.json 2025-07-01T00:00:00Z
real tdx/flashbots-v4-quote.bin tdx/flashbots-v4-collateral.json 2026-02-10T00:00:00Z
real tdx/phala-v5-notsupported-quote.bin tdx/phala-v5-notsupported-collateral.json 2026-03-01T00:00:00Z
real tdx/flashbots-azure-v5-notsupported-quote.bin tdx/flashbots-azure-collateral.json 2026-03-01T00:00:00Z
# It counts the SVN of the TDX module as a component, which for modules with an identity Intel's QVL does not.
real tdx/oe-v5-quote.bin tdx/oe-v5-collateral-eval21.json 2026-06-20T00:00:00Z refused
