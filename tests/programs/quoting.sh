#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cloister-quoted and its clients: simulated evidence, the AESM protocol, a TPM (swtpm) with tpm2_checkquote as a second opinion; refusals,
# limits, users, the end of the service.
. "$(dirname "$0")/lib.sh"
quoted=$O/bin/cloister-quoted
[ -x "$quoted" ] || skip "cloister-quoted is not built"
need python3 openssl
dir=$(mktemp -d)
service='' swtpm=''
cleanup() {
	[ -z "$service" ] || kill "$service" 2>/dev/null
	[ -z "$swtpm" ] || kill "$swtpm" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

start() { # OPTIONS...
	rm -f "$dir/log"
	"$quoted" --socket "$dir/quoting" --state "$dir/state" "$@" 2>"$dir/log" &
	service=$!
	for _ in $(seq 1 500); do
		grep -qs ready "$dir/log" && return
		kill -0 "$service" 2>/dev/null || fail "the service did not start: $(cat "$dir/log")"
		sleep 0.02
	done
	fail "the service is not ready: $(cat "$dir/log")"
}
stop() { # SIGNAL
	local from status
	from=$(date +%s%N)
	kill -"$1" "$service"
	wait "$service"
	status=$?
	service=''
	expect "status after SIG$1" 0 "$status"
	[ $(($(date +%s%N) - from)) -lt 3000000000 ] || fail "stopping took longer than 3 s"
	[ ! -e "$dir/quoting" ] || fail "the socket is still there"
}
refused() { # WHAT PATTERN COMMAND...
	local what=$1 pattern=$2 out
	shift 2
	out=$("$@" 2>&1) && fail "$what: not refused"
	[[ $out == *$pattern* ]] || fail "$what: expected [$pattern], got [$out]"
	[ "$(wc -l <<<"$out")" = 1 ] || fail "$what: not one line: $out"
	echo "ok $what"
}

# --- wrong use ---
refused "unknown option" "see cloister-quoted --help" bash -c "'$quoted' --nonsense 2>&1 >/dev/null | tail -1; exit 1"
refused "unknown back end" "known: sim, tpm" "$quoted" --socket "$dir/quoting" --state "$dir/state" --backend x
refused "AESM without SGX" "needs --backend sgx" "$quoted" --socket "$dir/quoting" --state "$dir/state" --aesm-socket "$dir/aesm"
refused "no rate" "not a number" "$quoted" --rate 0
refused "no TPM" "no TPM at" "$quoted" --socket "$dir/quoting" --state "$dir/state" --backend "tpm:tcti=device:/nonexistent"
refused "no service" "start cloister-quoted" "$CLOISTER" evidence --attester sim --settings "socket=$dir/quoting" --report-data 00 -o "$dir/e"

# --- simulated evidence ---
start --backend sim --backend sgx:sim --aesm-socket "$dir/aesm" --verbose
expect "mode of the signer's key" 600 "$(stat -c %a "$dir/state/sim-key.pem")"
data=$(printf '%0128d' 7)
m=$(printf 'ab%.0s' $(seq 32))
"$CLOISTER" evidence --attester sim --settings "socket=$dir/quoting,measurement=$m" --report-data "$data" -o "$dir/e" || fail "no evidence"
expect "size of evidence" 352 "$(stat -c %s "$dir/e")"
cat >"$dir/policy" <<END
{"version": 1, "name": "test", "types": ["sim"], "allow": ["simulated", "custom-root"],
 "require": [{"claim": "sim.measurement", "equals": "$m"}]}
END
verify() { "$CLOISTER" verify "$@" >"$dir/out" 2>&1; }
verify "$dir/e" --policy "$dir/policy" --root "sim=$dir/state/sim-key.pub.pem" --report-data "$data"
expect "trusted" 0 $?
verify "$dir/e" --policy "$dir/policy" --report-data "$data" && fail "trusted without the signer's key"
verify "$dir/e" --policy "$dir/policy" --root "sim=$dir/state/sim-key.pub.pem" --report-data "${data%7}8"
expect "other report data" 1 $?
sed 's/"simulated", //' "$dir/policy" >"$dir/strict"
verify "$dir/e" --policy "$dir/strict" --root "sim=$dir/state/sim-key.pub.pem" --report-data "$data"
expect "simulated evidence must be allowed" 1 $?

# --- the AESM protocol ---
"$CLOISTER" sgx target-info --aesm "$dir/aesm" -o "$dir/target" || fail "no target info"
expect "size of the target info" 512 "$(stat -c %s "$dir/target")"
python3 - "$dir/report" <<'END'
import sys
r = bytearray(432)
r[48] = 5
r[64:96] = b'\x11' * 32
r[128:160] = b'\x22' * 32
r[256:260] = b'\x03\0\x04\0'
r[320:384] = b'\x07' * 64
open(sys.argv[1], 'wb').write(r)
END
"$CLOISTER" sgx quote "$dir/report" --aesm "$dir/aesm" -o "$dir/quote" || fail "no quote"
expect "the quote's version and length" "3 352" "$(python3 -c '
import struct, sys
q = open(sys.argv[1], "rb").read()
print(struct.unpack_from("<H", q)[0], struct.unpack_from("<I", q, 432)[0])
assert len(q) == 436 + 352 and q[48:432] == open(sys.argv[2], "rb").read()[:384]' "$dir/quote" "$dir/report")"
sed "s/$m/$(printf '11%.0s' $(seq 32))/" "$dir/policy" >"$dir/sgx"
"$CLOISTER" sgx verify "$dir/quote" --policy "$dir/sgx" --root "sim=$dir/state/sim-key.pub.pem" --report-data "$(printf '07%.0s' $(seq 64))" >/dev/null
expect "the simulated quote is trusted" 0 $?
python3 -c '
import sys
q = bytearray(open(sys.argv[1], "rb").read())
q[48 + 300] ^= 1
open(sys.argv[1], "wb").write(q)' "$dir/quote"
"$CLOISTER" sgx verify "$dir/quote" --policy "$dir/sgx" --root "sim=$dir/state/sim-key.pub.pem" --report-data "$(printf '07%.0s' $(seq 64))" >/dev/null
expect "a changed body is refused" 1 $?
head -c 1808 /dev/zero >"$dir/sig"
refused "not a SIGSTRUCT" "not a SIGSTRUCT" "$CLOISTER" sgx token "$dir/sig" --aesm "$dir/aesm"
printf '\6\0\0\0\341\0\0\0\0\0\1\0\0\0\0\0' | dd of="$dir/sig" conv=notrunc status=none
refused "no launch token in simulation" "need no launch token" "$CLOISTER" sgx token "$dir/sig" --aesm "$dir/aesm" -o "$dir/token"
refused "a report of another size" "432" "$CLOISTER" sgx quote "$dir/sig" --aesm "$dir/aesm"
refused "no aesmd" "install and start Intel" "$CLOISTER" sgx target-info --aesm "$dir/nothing"
refused "sgx without more" "is missing" "$CLOISTER" sgx

# --- bytes that break the protocols; the requests of other clients of AESM ---
python3 - "$dir" <<'END' || fail "protocol"
import socket, struct, sys, os
d = sys.argv[1]
def connect(name):
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(d + '/' + name); return s
def get(s):
    head = b''
    while len(head) < 4:
        part = s.recv(4 - len(head))
        if not part: return None
        head += part
    size, = struct.unpack('<I', head); body = b''
    while len(body) < size: body += s.recv(size - len(body))
    return body
def ask(s, body): s.sendall(struct.pack('<I', len(body)) + body); return get(s)
def request(operation, backend=0, data=bytes(64), body=b'', magic=0x71746c63, version=1):
    return struct.pack('<IHHII', magic, version, operation, backend, len(body)) + data + body
def outcome(answer):
    magic, version, operation, error, size = struct.unpack_from('<IHHiI', answer)
    assert magic == 0x71746c63 and size == len(answer) - 16
    return error, answer[16:]
# several requests on one connection, in pieces
s = connect('quoting')
assert outcome(ask(s, request(1))) == (0, struct.pack('<II', 1, 5))
whole = struct.pack('<I', 80) + request(1)
for i in range(len(whole)): s.send(whole[i:i+1])
assert outcome(get(s))[0] == 0
error, pem = outcome(ask(s, request(4, 1)))
assert error == 0 and pem.decode() == open(d + '/state/sim-key.pub.pem').read()
assert len(outcome(ask(s, request(3, 5)))[1]) == 512
for bad in (request(9), request(2, 0), request(2, 99), request(2, 1), request(2, 2), request(1, 1), request(1, data=b'x' * 64),
            request(2, 1, body=bytes(256)), request(2, 5, data=b'x' * 64, body=bytes(432)), request(2, 6, body=bytes(1024))):
    error, text = outcome(ask(s, bad))
    assert error < 0 and text and b'\n' not in text, bad
assert outcome(ask(s, request(1)))[0] == 0
# these end the connection
for bad in (b'', b'x', request(1, magic=1), request(1, version=2), request(1)[:-1], request(1) + b'x', bytes(4096)):
    s = connect('quoting'); s.sendall(struct.pack('<I', len(bad)) + bad); assert get(s) is None, bad
for size in (4097, 0xffffffff):
    s = connect('quoting'); s.sendall(struct.pack('<I', size)); assert get(s) is None
# half a request, and gone
s = connect('quoting'); s.sendall(b'\x50\0'); s.close()
# AESM as Gramine's client speaks it: its own key id, one request a connection
def varint(n):
    out = b''
    while n >= 0x80: out += bytes([n & 0x7f | 0x80]); n >>= 7
    return out + bytes([n])
def field(number, value):
    return varint(number << 3) + varint(value) if isinstance(value, int) else varint(number << 3 | 2) + varint(len(value)) + value
def aesm(kind, *fields):
    return ask(connect('aesm'), field(kind, b''.join(fields)))
intel = bytes.fromhex('8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff')
key = struct.pack('<HHH', 0, 2, 32) + intel.ljust(48, b'\0') + struct.pack('<I', 1) + bytes(96) + struct.pack('<I', 2) + bytes(98)
assert len(key) == 256
answer = aesm(15, field(1, key), field(3, 1), field(4, 32), field(9, 10000000))
assert answer[0] == 15 << 3 | 2 and b'\x08\x00' in answer[:6] and len(answer) > 512
answer = aesm(16, field(1, key), field(9, 1))
assert answer.endswith(b'\x10' + varint(788)), answer
report = open(d + '/report', 'rb').read()
answer = aesm(17, field(1, report), field(2, key), field(4, 788), field(9, 1))
assert report[:384] in answer
assert aesm(17, field(1, report), field(4, 787)).endswith(b'\x08\x03')
assert aesm(17, field(1, report[1:]), field(4, 788)).endswith(b'\x08\x03')
assert aesm(16, field(1, key[:154] + b'\x05' + key[155:])).endswith(b'\x08' + bytes([38]))
assert len(aesm(19, field(1, key))) > 256 and len(aesm(22, field(1, 256))) > 256
assert aesm(21).endswith(b'\x10\x01')
assert aesm(2, field(1, report), field(2, 0), field(3, bytes(16)), field(6, 2000))[0:2] == varint(20 << 3 | 2)
assert aesm(99, field(1, 1))[0:2] == varint(20 << 3 | 2)
for bad in (b'\0', b'\xff' * 20, field(15, b''), field(17, field(1, report)), field(15, field(3, 1) + field(3, 1)), field(15, field(3, b'x')),
            field(16, b'') + field(16, b''), field(15, b'\x0b'), varint(15 << 3 | 2) + varint(1000)):
    assert ask(connect('aesm'), bad) is None, bad
# many at once: this user's share, and not more
many = [connect('quoting') for _ in range(40)]
alive = 0
for s in many:
    try: alive += outcome(ask(s, request(1)))[0] == 0
    except (TypeError, OSError): pass
assert 10 <= alive <= 16, alive
for s in many: s.close()
END
echo "ok protocols"
grep -q 'too many connections' "$dir/log" || fail "no word of too many connections"
! grep -q "$data" "$dir/log" || fail "report data in the log"
cmp -s "$dir/state/sim-key.pub.pem" <(openssl pkey -in "$dir/state/sim-key.pem" -pubout) || fail "the public key is not that of the key"
refused "a second service on one socket" "another service answers" "$quoted" --socket "$dir/quoting" --state "$dir/state"
refused "a file in the socket's place" "is no socket" "$quoted" --socket "$dir/report" --state "$dir/state"

# --- behind the service: another AESM service (here, the simulated one), and a played TDX quote generation service ---
cat >"$dir/qgs.py" <<'END'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8)
def get(c, n):
    b = b''
    while len(b) < n: b += c.recv(n - len(b))
    return b
for mode in ('good', 'error', 'long', 'empty', 'huge'):
    c, _ = s.accept()
    n, = struct.unpack('>I', get(c, 4)); q = get(c, n)
    assert n == 24 + 1024 and struct.unpack_from('<HHIIIII', q) == (1, 0, 0, n, 0, 1024, 0), q[:24]
    quote = (b'quote of ' + q[24 + 128:24 + 192]) * (mode != 'empty')
    a = struct.pack('<HHIIIII', 1, 0, 1, 24 + len(quote), 0x11001 * (mode == 'error'), 0, len(quote) + (mode == 'long')) + quote
    c.sendall(struct.pack('>I', 0xffffff if mode == 'huge' else len(a)) + a); c.close()
END
python3 "$dir/qgs.py" "$dir/qgs" &
qgs=$!
for _ in $(seq 1 200); do [ ! -S "$dir/qgs" ] || break; sleep 0.02; done
"$quoted" --socket "$dir/quoting2" --aesm-socket "$dir/aesm2" --state "$dir/state2" --backend "sgx:$dir/aesm" --backend "tdx:unix:$dir/qgs" \
	2>"$dir/log2" &
second=$!
for _ in $(seq 1 200); do ! grep -qs ready "$dir/log2" || break; sleep 0.02; done
"$CLOISTER" sgx target-info --aesm "$dir/aesm2" -o "$dir/target2" || fail "target info through two services"
cmp "$dir/target" "$dir/target2" || fail "target info changed on its way"
"$CLOISTER" sgx quote "$dir/report" --aesm "$dir/aesm2" -o "$dir/quote2" || fail "quote through two services"
"$CLOISTER" sgx verify "$dir/quote2" --policy "$dir/sgx" --root "sim=$dir/state/sim-key.pub.pem" --report-data "$(printf '07%.0s' $(seq 64))" >/dev/null
expect "a quote handed on is trusted" 0 $?
refused "a refusal handed on" "cannot do that" "$CLOISTER" sgx token "$dir/sig" --aesm "$dir/aesm2" -o "$dir/token"
python3 - "$dir" <<'END' || fail "TDX, and SGX by the service's own protocol"
import socket, struct, sys
d = sys.argv[1]
s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(d + '/quoting2')
def ask(backend, data, body):
    s.sendall(struct.pack('<IIHHII', 80 + len(body), 0x71746c63, 1, 2, backend, len(body)) + data + body)
    head = b''
    while len(head) < 20: head += s.recv(20 - len(head))
    n, _, _, _, error, size = struct.unpack('<IIHHiI', head); b = b''
    while len(b) < size: b += s.recv(size - len(b))
    return error, b
data = bytes(range(64))
td = bytearray(1024); td[128:192] = data
assert ask(6, data, bytes(td)) == (0, b'quote of ' + data)
for what in (b'0x11001', b'sizes', b'empty', b''):
    error, text = ask(6, data, bytes(td))
    assert error < 0 and what in text, (what, text)
assert ask(6, data, bytes(td))[0] < 0 # gone by now
report = open(d + '/report', 'rb').read()
error, quote = ask(5, report[320:384], report)
assert error == 0 and quote[48:432] == report[:384]
END
echo "ok TDX quote generation service"
kill "$second"
wait "$second" "$qgs"
# an open, idle connection does not hold the service up
python3 -c 'import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print("on", flush=True); time.sleep(20)' \
	"$dir/quoting" >"$dir/on" &
idle=$!
for _ in $(seq 1 200); do [ ! -s "$dir/on" ] || break; sleep 0.02; done
stop INT
kill "$idle" 2>/dev/null
start --rate 1
for _ in $(seq 1 30); do
	"$CLOISTER" evidence --attester sim --settings "socket=$dir/quoting" --report-data 00 -o "$dir/e" >"$dir/out" 2>&1 || break
done
grep -q 'too many requests' "$dir/out" || fail "the rate is not kept: $(cat "$dir/out")"
echo "ok rate"
# killed: the next one takes the stale socket over
kill -KILL "$service"
wait "$service" 2>/dev/null
[ -e "$dir/quoting" ] || fail "no stale socket to try with"
start
stop TERM
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$dir"
	start
	refused "a user who is not allowed" "may not use it" setpriv --reuid 65534 --clear-groups "$CLOISTER" evidence --attester sim --settings "socket=$dir/quoting" --report-data 00
	stop TERM
	start --allow-user 65534
	setpriv --reuid 65534 --clear-groups "$CLOISTER" evidence --attester sim --settings "socket=$dir/quoting" --report-data 00 >"$dir/e" || fail "an allowed user"
	stop TERM
	chmod 711 "$dir"
	start --user nobody
	expect "the service's user" "$(id -u nobody)" "$(awk '/^Uid:/ { print $2 }' "/proc/$service/status")"
	"$CLOISTER" evidence --attester sim --settings "socket=$dir/quoting" --report-data 00 >"$dir/e" || fail "after the change of user"
	kill -TERM "$service"
	wait "$service"
	rm -f "$dir/quoting"
	service=''
	echo "ok users"
fi

# --- a TPM ---
if command -v swtpm >/dev/null && command -v tpm2_checkquote >/dev/null; then
	mkdir "$dir/tpm"
	swtpm socket --tpm2 --tpmstate "dir=$dir/tpm" --server "type=unixio,path=$dir/tpm.sock" --ctrl "type=unixio,path=$dir/tpm.sock.ctrl" \
		--flags not-need-init,startup-clear 2>/dev/null &
	swtpm=$!
	for _ in $(seq 1 500); do [ ! -S "$dir/tpm.sock" ] || break; sleep 0.02; done
	tcti="swtpm:path=$dir/tpm.sock"
	"$CLOISTER" evidence --attester tpm --settings "tcti=$tcti,pcrs=sha256:0-7+14,eventlog=none" --report-data "$data" -o "$dir/tpm.json" ||
		fail "no quote of the TPM"
	python3 - "$dir" <<'END' || fail "the TPM's evidence"
import base64, json, sys, hashlib, struct
d = sys.argv[1]
e = json.load(open(d + '/tpm.json'))
for name in ('quote', 'signature', 'ak'):
    open(d + '/tpm.' + name, 'wb').write(base64.b64decode(e[name]))
assert sorted(map(int, e['pcrs']['sha256'])) == [0, 1, 2, 3, 4, 5, 6, 7, 14]
END
	extra=$(printf '%s' "$data" | python3 -c 'import hashlib, sys; print(hashlib.sha256(bytes.fromhex(sys.stdin.read())).hexdigest())')
	tpm2_print -t TPM2B_PUBLIC "$dir/tpm.ak" >/dev/null || fail "tpm2_print does not read the key"
	# shellcheck disable=SC2015
	TPM2TOOLS_TCTI=none tpm2_print -t TPM2B_PUBLIC -f pem "$dir/tpm.ak" >"$dir/ak.pem" 2>/dev/null && grep -q BEGIN "$dir/ak.pem" ||
		python3 - "$dir" <<'END' || fail "the key's PEM"
import base64, struct, sys
d = sys.argv[1]
a = open(d + '/tpm.ak', 'rb').read()
x, y = a[-66:-34], a[-32:]
der = bytes.fromhex('3059301306072a8648ce3d020106082a8648ce3d030107034200') + b'\x04' + x + y
open(d + '/ak.pem', 'w').write('-----BEGIN PUBLIC KEY-----\n' + base64.encodebytes(der).decode() + '-----END PUBLIC KEY-----\n')
END
	tpm2_checkquote -u "$dir/ak.pem" -m "$dir/tpm.quote" -s "$dir/tpm.signature" -g sha256 -q "$extra" >/dev/null || fail "tpm2_checkquote refuses"
	echo "ok tpm2_checkquote"
	tpm2_checkquote -u "$dir/ak.pem" -m "$dir/tpm.quote" -s "$dir/tpm.signature" -g sha256 -q "${extra%?}0" >/dev/null 2>&1 &&
		[ "${extra: -1}" != 0 ] && fail "tpm2_checkquote takes any nonce"
	cat >"$dir/tpm.policy" <<END
{"version": 1, "name": "tpm", "types": ["tpm-quote"], "allow": ["custom-root"],
 "require": [{"claim": "tpm.pcr.sha256.14", "equals": "$(printf '00%.0s' $(seq 32))"}]}
END
	verify "$dir/tpm.json" --policy "$dir/tpm.policy" --root "ak=$dir/ak.pem" --report-data "$data"
	expect "the quote is trusted" 0 $?
	verify "$dir/tpm.json" --policy "$dir/tpm.policy" --report-data "$data" && fail "a quote by a key that nobody trusts is trusted"
	for key in ecc rsa; do
		for bank in sha1 sha384; do
			"$CLOISTER" evidence --attester tpm --settings "tcti=$tcti,pcrs=$bank:0+23,key=$key,hierarchy=owner,eventlog=none" \
				--report-data "$data" -o "$dir/other.json" 2>"$dir/out" || {
				grep -q 'not all of the PCRs' "$dir/out" && continue # the bank is off in this TPM
				fail "$key, $bank: $(cat "$dir/out")"
			}
			"$CLOISTER" dump "$dir/other.json" >"$dir/out" || fail "$key, $bank: does not decode"
		done
	done
	printf 'not a log' >"$dir/eventlog"
	"$CLOISTER" evidence --attester tpm --settings "tcti=$tcti,eventlog=$dir/eventlog" --report-data 00 -o "$dir/log.json" || fail "with a log"
	expect "the event log goes along" "bm90IGEgbG9n" "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["event_log"])' "$dir/log.json")"
	verify "$dir/log.json" --policy "$dir/tpm.policy" --root "ak=$dir/ak.pem" --report-data 00 && fail "trusted with a log that is none"
	refused "no such event log" "nothing-there" "$CLOISTER" evidence --attester tpm --settings "tcti=$tcti,eventlog=$dir/nothing-there" --report-data 00
	refused "no such persistent key" "attestation key at its handle" "$CLOISTER" evidence --attester tpm --settings "tcti=$tcti,ak=0x81000099" --report-data 00
	refused "no such PCR" "setting pcrs" "$CLOISTER" evidence --attester tpm --settings "tcti=$tcti,pcrs=sha256:24" --report-data 00
	# through the service, several at once: one TPM, one after the other
	start --backend "tpm:tcti=$tcti,pcrs=sha256:0-7+14,eventlog=none"
	jobs=()
	for i in 1 2 3 4 5; do
		"$CLOISTER" evidence --attester tpm --settings "socket=$dir/quoting" --report-data "0$i" -o "$dir/tpm.$i" &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do wait "$job" || fail "a quote by the service"; done
	for i in 1 2 3 4 5; do
		verify "$dir/tpm.$i" --policy "$dir/tpm.policy" --root "ak=$dir/ak.pem" --report-data "0$i"
		expect "quote $i of the service" 0 $?
	done
	stop TERM
fi
echo "ok"
