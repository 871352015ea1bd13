#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cloister sgx sign: the SIGSTRUCT of an enclave of ours, by openssl's and python's reckoning; its date, its key, its errors.
. "$(dirname "$0")/lib.sh"
need python3 openssl
enclave=${O:-}/enclaves/counter.enclave
[ -e "$enclave" ] || skip "no enclave: make loader"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || fail "no folder"
cp "$enclave" a.enclave
refused() { # WHAT STATUS PATTERN COMMAND...
	local what=$1 status=$2 pattern=$3 out seen
	shift 3
	out=$("$@" 2>&1)
	seen=$?
	expect "$what: status" "$status" "$seen"
	[[ $out == *$pattern* ]] || fail "$what: expected [$pattern], got [$out]"
	[ "$(wc -l <<<"$out")" = 1 ] || fail "$what: not one line: $out"
}

# --- a key, a signature ---
refused "no key" 1 "new-key makes one" "$CLOISTER" sgx sign a.enclave --key key.pem
[ ! -e key.pem ] && [ ! -e a.enclave.sig ] || fail "something was written"
SOURCE_DATE_EPOCH=1767225600 "$CLOISTER" sgx sign a.enclave --key key.pem --new-key >identity || fail "not signed"
expect "mode of the key" 600 "$(stat -c %a key.pem)"
openssl pkey -in key.pem -noout -text 2>/dev/null | grep -q 'publicExponent: 3 ' || fail "exponent"
expect "size" 1808 "$(stat -c %s a.enclave.sig)"
expect "names" "mrenclave mrsigner isvprodid isvsvn" "$(awk '{ print $1 }' identity | xargs)"
# what is signed, the signature and the numbers beside it, by others
python3 - <<'PY' || fail "the numbers of the SIGSTRUCT"
import hashlib
s = open('a.enclave.sig', 'rb').read()
n, sig, q1, q2 = (int.from_bytes(s[o:o + 384], 'little') for o in (128, 516, 1040, 1424))
assert s[0:16] == bytes.fromhex('06000000e10000000000010000000000') and s[24:40] == bytes.fromhex('01010000600000006000000001000000')
assert s[20:24].hex() == '01012620', s[20:24].hex()
assert q1 == sig * sig // n and q2 == (sig ** 3 - q1 * sig * n) // n and s[512:516] == b'\3\0\0\0'
identity = dict(line.split() for line in open('identity'))
assert identity['mrenclave'] == s[960:992].hex() and identity['mrsigner'] == hashlib.sha256(s[128:512]).hexdigest()
open('signed', 'wb').write(s[0:128] + s[900:1028])
open('signature', 'wb').write(s[516:900][::-1])
PY
openssl pkey -in key.pem -pubout -out public.pem
openssl dgst -sha256 -verify public.pem -signature signature signed >/dev/null || fail "openssl refuses the signature"
echo "ok openssl takes the signature"
"$CLOISTER" dump a.enclave.sig >dump || fail "dump"
for row in mrenclave mrsigner isvprodid isvsvn; do
	expect "dump shows $row" "$(awk -v r=$row '$1 == r { print $2 }' identity)" "$(awk -v r=sgx.$row '$1 == r { print $2 }' dump)"
done
expect "date" 2026-01-01T00:00:00Z "$(awk '$1 == "sgx.sigstruct.date" { print $2 }' dump)"
# what the build signed with another key is the same enclave
expect "the same enclave everywhere" "$(awk '$1 == "mrenclave"' "$enclave.identity")" "$(awk '$1 == "mrenclave"' identity)"
differ=$(awk '$1 == "mrsigner"' "$enclave.identity")
[ "$differ" != "$(awk '$1 == "mrsigner"' identity)" ] || fail "two keys, one signer"

# --- the same input, the same bytes; another byte, another enclave ---
"$CLOISTER" sgx sign --date 20260101 --key key.pem -o again a.enclave >/dev/null || fail "signing again"
cmp -s again a.enclave.sig || fail "not reproducible"
"$CLOISTER" sgx sign --date 20260102 --key key.pem -o - a.enclave | cmp -s - a.enclave.sig && fail "the date is not in it"
python3 - <<'PY'
import struct
e = bytearray(open('a.enclave', 'rb').read())
entry, phoff = struct.unpack_from('<QQ', e, 24)
count = struct.unpack_from('<H', e, 56)[0]
for i in range(count):
    kind, flags, offset, vaddr, _, filesz = struct.unpack_from('<IIQQQQ', e, phoff + 56 * i)
    if kind == 1 and vaddr <= entry < vaddr + filesz:
        e[offset + entry - vaddr] ^= 1
open('b.enclave', 'wb').write(e)
PY
"$CLOISTER" sgx sign --key key.pem b.enclave >other || fail "signing another"
[ "$(awk '$1 == "mrenclave"' other)" != "$(awk '$1 == "mrenclave"' identity)" ] || fail "a byte of code changed, and it is the same enclave"
echo "ok reproducible"

# --- what is refused, and writes nothing ---
rm -f a.enclave.sig b.enclave.sig
refused "no enclave" 2 "is missing" "$CLOISTER" sgx sign --key key.pem
refused "no such file" 1 "nothing: No such file" "$CLOISTER" sgx sign nothing --key key.pem
refused "no ELF" 1 "not a position independent ELF" "$CLOISTER" sgx sign key.pem --key key.pem
refused "a program" 1 "true: " "$CLOISTER" sgx sign /bin/true --key key.pem -o x
refused "a device" 1 "no regular file" "$CLOISTER" sgx sign /dev/zero --key key.pem -o x
head -c 5000 a.enclave >short
refused "cut short" 1 "short: " "$CLOISTER" sgx sign short --key key.pem
refused "key option missing" 1 "--key FILE is missing" "$CLOISTER" sgx sign a.enclave
refused "no key in it" 1 "no private key" "$CLOISTER" sgx sign a.enclave --key identity --new-key
openssl genrsa -out f4.pem 3072 2>/dev/null
refused "exponent 65537" 1 "exponent 3" "$CLOISTER" sgx sign a.enclave --key f4.pem
openssl genrsa -3 -out small.pem 2048 2>/dev/null
refused "2048 bits" 1 "3072 bits" "$CLOISTER" sgx sign a.enclave --key small.pem
for date in 2026 20261301 20260132 2026010a 202601011; do
	refused "date $date" 1 "is no date" "$CLOISTER" sgx sign a.enclave --key key.pem --date $date
done
refused "a service" 2 "asks no service" "$CLOISTER" sgx sign a.enclave --key key.pem --aesm x
refused "a key for another command" 2 "are for sgx sign" "$CLOISTER" sgx token x --key key.pem
refused "no place" 1 "/nothing/x" "$CLOISTER" sgx sign a.enclave --key key.pem -o /nothing/x
refused "no place for a key" 1 "cannot be written" "$CLOISTER" sgx sign a.enclave --key /nothing/k --new-key
[ "$(echo ./*.sig ./*.new)" = "./*.sig ./*.new" ] || fail "a refused one was written"
echo "ok"
