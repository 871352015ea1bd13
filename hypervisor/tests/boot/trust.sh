# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# tpm: tpm-tis
# boots: first second debug image seal before planted owner
# timeout: 600
# Trust in a TPM: what the launch leaves in PCR 21 and 22, the secret that lasts from boot to boot and belongs to one image and one boot chain, and
# what an attacker gets before, meanwhile and after. The TPM's state is one for all boots.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
insmod /tis.ko || fail tis
IMAGE=/lib/firmware/cloister-hypervisor
ONES=ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
DIGEST=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
INDEX=018c1510
# an authorization area: the empty password
PASSWORD=00000009400000090000000000
# PCR 0 2 4 7 9 11 and 21, as TPMS_PCR_SELECTION has them
SELECTION=000b03950a20

pcr() { tr 'A-F' 'a-f' < "/sys/class/tpm/tpm0/pcr-sha256/$1"; }
hash_hex() { printf %s "$1" | xxd -r -p | sha256sum | cut -d' ' -f1; }
# tis LOCALITY HEX: the response; code: the response code of one
tis() { printf '%s %s' "$1" "$2" > /proc/tis; cat /proc/tis; }
code() { tis "$@" | sed 's/^.\{12\}\(.\{8\}\).*/\1/'; }
extend() { code "$1" 80020000004100000182$(printf %08x "$2")${PASSWORD}00000001000b"$3"; }
# read_index LOCALITY: satisfies the policy as far as that can be done from there, and reads
read_index() {
	session=$(tis "$1" 80010000002b0000017640000007400000070010$(printf %032d 0)0000010010000b | cut -c 21-28)
	tis "$1" 80010000001a0000017f"$session"000000000001$SELECTION > /dev/null
	tis "$1" 80010000000f0000016f"$session"04 > /dev/null
	tis "$1" 8002000000230000014e$INDEX${INDEX}00000009"$session"000001000000200000
	tis "$1" 80010000000e00000165"$session" > /dev/null
}
trust() { cat /sys/kernel/cloister/trust; }
seal_key() { (cd /guest && timeout 100 ./enclave-tests . seal-key | sed -n 's/^seal key //p'); }
trusted() { equal "trust" "$(trust)" trusted; }

case $(argument test.boot) in
first)
	equal "PCR 21 at first" "$(pcr 21)" $ONES
	differ "locality 2, native" "$(code 2 80010000000c0000017b0008)" absent
	enter ak_name=$DIGEST
	trusted
	measurement=$(sha256sum $IMAGE | cut -d' ' -f1)
	equal "PCR 21" "$(pcr 21)" "$(hash_hex "$ONES$measurement")"
	(cd /guest && timeout 100 ./enclave-tests . trust-sign) > /tmp/sign || { cat /tmp/sign; fail "sign"; }
	report=$(sed -n 's/^report //p' /tmp/sign)
	equal "PCR 22" "$(pcr 22)" "$(hash_hex "$ONES$(hash_hex "$report")")"
	case $report in *"$measurement"*$DIGEST*) ;; *) fail "measurement or ak_name not in the report" ;; esac
	seal=$(seal_key)
	[ ${#seal} = 64 ] || fail "seal key: $seal"
	echo "TEST-KEEP seal=$seal"
	equal "the device's mode" "$(stat -c %a /dev/cloister_hypervisor)" 600
	# The localities are nobody's, by Linux's driver or raw; locality 0 is Linux's as before, and does not reach those PCRs.
	for locality in 1 2 3 4; do
		equal "locality $locality" "$(tis $locality 80010000000c0000017b0008)" absent
	done
	equal "extend at locality 0" "$(extend 0 21 $DIGEST)" 00000907
	equal "random at locality 0" "$(code 0 80010000000c0000017b0008)" 00000000
	differ "the secret at locality 0" "$(read_index 0 | cut -c 13-20)" 00000000
	equal "PCR 21 after" "$(pcr 21)" "$(hash_hex "$ONES$measurement")"
	equal "own faults" "$(counter faults_own)" 0
	leave
	# Locality 2 is Linux's again, but PCR 21 no longer opens anything.
	equal "locality 2, native again" "$(code 2 80010000000c0000017b0008)" 00000000
	differ "PCR 21 at the end" "$(pcr 21)" "$(hash_hex "$ONES$measurement")"
	differ "read at locality 2" "$(read_index 2 | cut -c 13-20)" 00000000
	# And it cannot be brought back: a reset gives zeros, not ones.
	equal "reset" "$(code 2 80020000001b0000013d00000015$PASSWORD)" 00000000
	extend 2 21 "$measurement" > /dev/null
	differ "read after reset and extend" "$(read_index 2 | cut -c 13-20)" 00000000
	enter
	case $(trust) in "none: PCR 21 or 22 was extended before"*) ;; *) fail "second start: $(trust)" ;; esac
	differ "seal key without trust" "$(seal_key)" "$seal"
	(cd /guest && timeout 100 ./enclave-tests . trust-none) || fail "trust-none"
	leave
	;;
second)
	enter
	trusted
	equal "seal key after a boot" "$(seal_key)" "$(argument keep.seal)"
	leave
	;;
debug)
	enter debug=1
	trusted
	(cd /guest && timeout 100 ./enclave-tests . trust-debug) || fail "trust-debug"
	leave
	;;
image)
	# A byte of some text in the image, which does not change what it does.
	sed 's/this processor stops/this processor stopz/' $IMAGE > /tmp/image
	cmp -s /tmp/image $IMAGE && fail "the image did not change"
	enter image=/tmp/image
	trusted
	equal "PCR 21" "$(pcr 21)" "$(hash_hex "$ONES$(sha256sum /tmp/image | cut -d' ' -f1)")"
	differ "seal key of another image" "$(seal_key)" "$(argument keep.seal)"
	leave
	enter no_tpm=1
	case $(trust) in *"no_tpm was asked for"*) ;; *) fail "no_tpm: $(trust)" ;; esac
	leave
	;;
seal)
	equal "extend PCR 9" "$(extend 0 9 $DIGEST)" 00000000
	enter
	trusted
	differ "seal key after another boot chain" "$(seal_key)" "$(argument keep.seal)"
	leave
	;;
before)
	# A kernel that was not measured could do this, and gets the secret: what the boot chain in PCR 0 to 11 is there for. (And: the attack works.)
	equal "extend at locality 2" "$(extend 2 21 "$(sha256sum $IMAGE | cut -d' ' -f1)")" 00000000
	equal "the index, read by a kernel" "$(read_index 2 | cut -c 13-20)" 00000000
	enter
	case $(trust) in "none: PCR 21 or 22 was extended before"*) ;; *) fail "PCR 21 was extended: $(trust)" ;; esac
	dmesg | grep -q 'trust in the TPM: none: PCR 21 or 22' || fail "no message"
	(cd /guest && timeout 100 ./enclave-tests . trust-none) || fail "trust-none"
	leave
	differ "the index afterwards" "$(read_index 2 | cut -c 13-20)" 00000000
	;;
planted)
	# An index with our policy that the owner can write as well, with a value that the attacker knows, where ours would be.
	equal "extend PCR 9" "$(extend 0 9 $ONES)" 00000000
	pcr21=$(hash_hex "$ONES$(sha256sum $IMAGE | cut -d' ' -f1)")
	pcrs=$(hash_hex "$(pcr 0)$(pcr 2)$(pcr 4)$(pcr 7)$(pcr 9)$(pcr 11)$pcr21")
	policy=$(hash_hex "$(printf %064d 0)0000017f00000001$SELECTION$pcrs")
	policy=$(hash_hex "${policy}0000016f04")
	attributes=0208000a # ours, and OWNERWRITE
	for n in 0 1 2 3; do # those of earlier boots make room
		code 0 80020000001f0000012240000001018c151$n$PASSWORD > /dev/null
	done
	equal "define" "$(code 0 80020000004d0000012a40000001${PASSWORD}0000002e${INDEX}000b${attributes}0020"$policy"0020)" 00000000
	equal "write" "$(code 0 8002000000430000013740000001$INDEX${PASSWORD}0020${DIGEST}0000)" 00000000
	enter
	trusted
	seal=$(seal_key)
	leave
	equal "the planted index" "$(tis 0 80010000000e00000169$INDEX | cut -c 13-20)" 00000000
	equal "there is another" "$(code 0 80010000000e00000169018c1511)" 00000000
	[ -n "$seal" ] || fail "no key"
	;;
owner)
	equal "extend PCR 9" "$(extend 0 9 "$(hash_hex 99)")" 00000000
	equal "owner's authorization" "$(code 0 8002000000210000012940000001${PASSWORD}000461626364)" 00000000
	enter
	case $(trust) in "none: the TPM's owner authorization is set"*"0x9a2") ;; *) fail "owner: $(trust)" ;; esac
	leave
	;;
*) fail "which boot?" ;;
esac
