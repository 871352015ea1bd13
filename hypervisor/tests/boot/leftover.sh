# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# What an enclave had, and the keys it was given, is nowhere in the memory that Linux gets back: not in EPC, and not on the hypervisor's stacks either.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
insmod /attack.ko || fail attack
# the search itself
attack write 0x1a000123 1122334455667788 > /dev/null
equal "found" "$(attack find $START $SIZE 1122334455667788)" "ok 1"
# reversed: eight bytes in hexadecimal as the number that they are in memory
reversed() { echo "$1" | sed 's/\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/\8\7\6\5\4\3\2\1/'; }
enter epc=0x1000000
cd /guest || fail "cd"
keys=
for processor in 1 2; do
	taskset $processor ./enclave-tests . vectors || fail "vectors"
	# last: what it leaves in the hypervisor nothing covers
	key=$(taskset $processor ./enclave-tests . leftover-key | sed -n 's/^key //p')
	[ ${#key} = 32 ] || fail "no key: $key"
	keys="$keys $(echo "$key" | cut -c 1-16) $(echo "$key" | cut -c 17-32)"
done
epc=$(cat /sys/kernel/cloister/epc_start)
leave
differ "the hypervisor's own memory" "$(attack used "$START" "$(printf %#x $((epc - START)))")" "ok 0"
equal "EPC" "$(attack used "$epc" 0x1000000)" "ok 0"
equal "a vector register, at the time of EGETKEY" "$(attack find $START $SIZE 5ec2e70f5ec2e70f)" "ok 0"
for half in $keys; do
	equal "half a key, $half" "$(attack find $START $SIZE "$(reversed "$half")")" "ok 0"
done
