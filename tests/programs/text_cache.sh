#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the kernel found out about a program's text is found again by the next enclave, and never believed when it is
# damaged, of a changed file, or of somebody else.
. "$(dirname "$0")/lib.sh"
mkdir -m 700 runtime && export XDG_RUNTIME_DIR=$PWD/runtime
cache=runtime/cloister/text-cache
found() { enclave --stats -- python3 -c 'print("it runs")' 2>err >out || fail "status $?: $(cat err)"; expect "output" "it runs" "$(cat out)"
	sed -n 's/^sites rewritten: \(.*kept\), in \([0-9]*\) files (\([0-9]*\) found.*/\1|\2|\3/p' err; }
fresh=$(found | tail -n 1)
expect "nothing is there at first" 0 "${fresh##*|}"
[ "$(stat -c %a $cache)" = 700 ] || fail "others can enter the cache"
# A file that was changed a moment ago is not kept; libc was not.
again=$(found | tail -n 1)
[ "${again##*|}" -ge 1 ] || fail "nothing was found again: $again"
expect "the same sites" "${fresh%|*}" "${again%|*}"
damage() { # HOW FILE
	case $1 in
	flip) printf X | dd of="$2" bs=1 seek=200 conv=notrunc 2>/dev/null ;;
	short) truncate -s -1 "$2" ;;
	long) truncate -s 300K "$2" ;;
	empty) : >"$2" ;;
	random) head -c 5000 /dev/urandom >"$2" ;;
	esac
}
for how in flip short long empty random; do
	for f in "$cache"/*; do damage $how "$f"; done
	expect "damaged: $how" "$fresh" "$(found | tail -n 1)"
	found >/dev/null
done
rm -rf $cache && mkdir $cache && for i in $(seq 0 255); do ln -s /etc/passwd "$cache/$(printf %02x "$i")"; done
expect "links are not followed" "$fresh" "$(found | tail -n 1)"
rm -rf $cache && : >$cache
expect "no folder" "$fresh" "$(found | tail -n 1)"
rm -f $cache && mkdir -m 500 $cache
[ "$(id -u)" = 0 ] || expect "not writable" "$fresh" "$(found | tail -n 1)"
# cloister ps leaves it alone.
rm -rf $cache; found >/dev/null; "$CLOISTER" ps >/dev/null || fail "ps"
[ -n "$(ls $cache)" ] || fail "ps removed the cache"
