#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Enrolment of a TPM's attestation key with `cloister enrol`, against swtpm and beside tpm2-tools: our challenge is opened by
# tpm2_activatecredential, tpm2_makecredential's by `cloister enrol activate`; the record makes quotes of this key trusted (ek-bound), and
# every wrong file on the way is refused.
. "$(dirname "$0")/lib.sh"
need swtpm tpm2_createek openssl python3
mkdir state
export TSS2_LOG=all+none
tcti=swtpm:path=$PWD/tpm
export TPM2TOOLS_TCTI=$tcti
swtpm socket --tpm2 --tpmstate dir=state --server type=unixio,path=tpm --ctrl type=unixio,path=tpm.ctrl \
	--flags not-need-init,startup-clear 2>swtpm.log &
server=$!
trap 'kill $server 2>/dev/null' EXIT
for _ in $(seq 1 200); do
	[ -S tpm ] && tpm2_getrandom 4 >/dev/null 2>&1 && break
	sleep 0.05
done
tpm2_getrandom 4 >/dev/null 2>&1 || skip "swtpm does not start: $(cat swtpm.log)"

refused() { # STATUS WHAT COMMAND...
	local expected=$1 what=$2 status
	shift 2
	"$@" >refused.out 2>&1
	status=$?
	[ "$status" = "$expected" ] || fail "$what: status $status, not $expected: $(cat refused.out)"
	echo "ok $what: $(head -1 refused.out)"
}
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
member() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }
# A manufacturer's PKI of our own; leaves as the EK Credential Profile has them.
printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,keyEncipherment,keyAgreement' 'extendedKeyUsage=2.23.133.8.1' \
	'subjectAltName=critical,dirName:tpm' '[tpm]' 'CN=id:00000000' >extensions
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -subj /CN=maker -days 30 \
	-addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null || fail "a root"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem -subj /CN=maker -days 30 \
	-addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null || fail "another root"
certify() { # PUBLIC.pem CERTIFICATE
	openssl x509 -new -force_pubkey "$1" -subj /CN=EK -CA root.pem -CAkey root.key -days 30 -extfile extensions -out "$2" 2>/dev/null ||
		fail "certify $1"
}

for kind in rsa ecc; do
	tpm2_flushcontext -t
	tpm2_createek -G "$kind" -c ek.ctx -u ek.pub && tpm2_flushcontext -t && tpm2_readpublic -c ek.ctx -f pem -o ek.pem >/dev/null &&
		tpm2_flushcontext -t || fail "an endorsement key"
	certify ek.pem ek.crt
	later=@$(($(date +%s) + 60)) # after the certificate was made, on any machine
	settings="tcti=$tcti,ek=$kind"
	refused 2 "$kind: no certificate in the TPM" "$CLOISTER" enrol request --settings "$settings"
	# One way with the certificate as a file, the other from NV memory, padded as some makers do.
	if [ $kind = rsa ]; then
		settings+=",ek_certificate=$PWD/ek.crt"
	else
		openssl x509 -in ek.crt -outform DER -out ek.der
		printf '\377\377\377\377' >>ek.der
		tpm2_nvdefine 0x01c0000a -C o -s "$(stat -c %s ek.der)" -a 'ownerread|ownerwrite|authread|authwrite|no_da' >/dev/null &&
			tpm2_nvwrite 0x01c0000a -C o -i ek.der || fail "NV"
	fi
	"$CLOISTER" enrol request --settings "$settings" -o request.json || fail "$kind: request"
	member request.json ek | base64 -d | cmp - ek.pub || fail "$kind: not tpm2_createek's key"
	trust=(--root tpm=root.pem --at "$later")
	"$CLOISTER" enrol challenge request.json "${trust[@]}" --pending pending.json -o challenge.json || fail "$kind: challenge"
	[ "$(stat -c %a pending.json)" = 600 ] || fail "pending is readable by others"
	cp pending.json kept.json
	"$CLOISTER" enrol activate challenge.json --settings "$settings" -o answer.json || fail "$kind: activate"
	"$CLOISTER" enrol check answer.json --pending pending.json -o record.json || fail "$kind: check"
	[ ! -e pending.json ] || fail "the answer could be used again"
	echo "ok $kind: enrolled $(member record.json ak_name)"

	# A quote of this key: trusted by the record, not without it.
	"$CLOISTER" evidence --attester tpm --settings "tcti=$tcti,pcrs=sha256:0-7,eventlog=none" --report-data 00112233 -o quote.json ||
		fail "$kind: quote"
	cat >policy.yaml <<-E2
		version: 1
		name: enrolled
		types: [tpm-quote]
		allow: [custom-root]
		require:
		  - {claim: tpm.ak_trust, equals: ek-bound}
		  - {claim: tpm.pcr.sha256.0, equals: "$(printf '0%.0s' $(seq 64))"}
	E2
	verify=("$CLOISTER" verify quote.json -p policy.yaml --report-data 00112233)
	"${verify[@]}" --trust-ak record.json >table || fail "$kind: $(cat table)"
	"${verify[@]}" --root ak=record.json >table || fail "$kind, as a root: $(cat table)"
	refused 1 "$kind: without the record" "${verify[@]}"
	member request.json ak | base64 -d >ak.pub
	refused 1 "$kind: the key pinned, not enrolled" "${verify[@]}" --root ak=ak.pub
	grep -q 'pinned' refused.out || fail "$kind: $(cat refused.out)"
	refused 2 "$kind: a key is no record" "${verify[@]}" --trust-ak ak.pub

	# Files that are wrong
	refused 1 "$kind: another root" "$CLOISTER" enrol challenge request.json --root tpm=other.pem --at "$later" --pending p
	refused 1 "$kind: no root" "$CLOISTER" enrol challenge request.json --at "$later" --pending p
	[ ! -e p ] || fail "something was kept of a refused request"
	python3 - <<-'E2'
		import base64, json
		r = json.load(open("request.json"))
		json.dump(dict(r, ek=r["ak"], ak=r["ek"]), open("swapped.json", "w"))
		json.dump(dict(r, more="1"), open("more.json", "w"))
		c = json.load(open("challenge.json"))
		b = bytearray(base64.b64decode(c["credential"]))
		b[40] ^= 1
		json.dump(dict(c, credential=base64.b64encode(b).decode()), open("changed.json", "w"))
		a = json.load(open("answer.json"))
		b = bytearray(base64.b64decode(a["secret"]))
		b[0] ^= 1
		json.dump(dict(a, secret=base64.b64encode(b).decode()), open("guess.json", "w"))
		k = json.load(open("record.json"))
		json.dump(dict(k, ak_name="ff" + k["ak_name"][2:]), open("renamed.json", "w"))
	E2
	for file in swapped more; do
		refused 1 "$kind: $file" "$CLOISTER" enrol challenge "$file.json" "${trust[@]}" --pending p
	done
	refused 2 "$kind: a challenge with a byte changed" "$CLOISTER" enrol activate changed.json --settings "$settings"
	refused 1 "$kind: a wrong answer" "$CLOISTER" enrol check guess.json --pending kept.json
	[ -e kept.json ] || fail "a wrong answer used the challenge up"
	refused 2 "$kind: a record that was changed" "${verify[@]}" --trust-ak renamed.json
	# The attestation key of the other hierarchy is another key: the TPM does not open the challenge for it.
	refused 2 "$kind: another attestation key" "$CLOISTER" enrol activate challenge.json --settings "$settings,hierarchy=owner"

	# tpm2-tools opens ours: for an attestation key of theirs, under the endorsement key.
	tpm2_createak -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name >/dev/null && tpm2_flushcontext -t || fail "their key"
	python3 - <<-'E2'
		import base64, json
		r = json.load(open("request.json"))
		json.dump(dict(r, ak=base64.b64encode(open("ak.pub", "rb").read()).decode()), open("theirs.json", "w"))
	E2
	"$CLOISTER" enrol challenge theirs.json "${trust[@]}" --pending pending.json -o challenge.json || fail "$kind: challenge for their key"
	[ "$(member challenge.json ak_name)" = "$(hex ak.name)" ] || fail "$kind: another name"
	(printf '\272\334\300\336\0\0\0\1' && member challenge.json credential | base64 -d) >challenge.bin
	tpm2_startauthsession --policy-session -S session && tpm2_policysecret -S session -c e >/dev/null &&
		tpm2_activatecredential -c ak.ctx -C ek.ctx -i challenge.bin -o secret -P session:session >/dev/null ||
		fail "$kind: tpm2_activatecredential does not open our challenge"
	tpm2_flushcontext session && tpm2_flushcontext -t
	printf '{"secret":"%s"}' "$(base64 -w0 secret)" >answer.json
	"$CLOISTER" enrol check answer.json --pending pending.json -o record.json || fail "$kind: their answer"
	echo "ok $kind: tpm2_activatecredential opened our challenge"

	# And we open theirs, for our attestation key.
	member request.json ak | base64 -d >our.pub
	tpm2_loadexternal -C n -u our.pub -c our.ctx -n our.name >/dev/null && tpm2_flushcontext -t || fail "our name"
	printf 'a secret of 32 bytes, no less...' >theirs
	tpm2_makecredential -u ek.pub -s theirs -n "$(hex our.name)" -o challenge.bin -G "$kind" >/dev/null 2>&1 ||
		tpm2_makecredential -e ek.pub -s theirs -n "$(hex our.name)" -o challenge.bin >/dev/null || fail "$kind: tpm2_makecredential"
	tpm2_flushcontext -t
	"$CLOISTER" enrol activate challenge.bin --settings "$settings" -o answer.json || fail "$kind: we cannot open tpm2_makecredential's"
	member answer.json secret | base64 -d | cmp - theirs || fail "$kind: another secret"
	echo "ok $kind: we opened tpm2_makecredential's challenge"
done

# Command lines
refused 2 "no step" "$CLOISTER" enrol
refused 2 "an unknown step" "$CLOISTER" enrol make
refused 2 "no pending file" "$CLOISTER" enrol check answer.json
refused 2 "an option of the other side" "$CLOISTER" enrol request --root tpm=root.pem
refused 2 "no TPM" "$CLOISTER" enrol request --settings "tcti=swtpm:path=$PWD/none"
refused 2 "an unknown setting" "$CLOISTER" enrol request --settings "pcr=1"
