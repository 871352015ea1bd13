#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nothing that is built for use can take a signature for good without looking at it: what CONFIG=fuzz has for that (lib/fuzz/outcome.h) is in no
# library, program or object of this build, neither defined nor asked for. That the look would see it is shown on an object that has it.
. "$(dirname "$0")/lib.sh"
need nm gcc
: "${O:?the folder of what was built}"
tree=$(cd "$(dirname "$0")/../.." && pwd)
hooks() { nm -A "$@" 2>/dev/null | grep -E ' [A-Zi] fuzz_outcomes?(_from)?$'; }

gcc -std=gnu11 -D_GNU_SOURCE -DCLOISTER_FUZZ -I"$tree" -I"$tree/include" -c -o hooked.o "$tree/attest/core/digest.c" || fail "the control does not compile"
expect "an object with hooks is seen" "hooked.o:                 U fuzz_outcome" "$(hooks hooked.o)"

mapfile -d '' -t built < <(find "$O" \( -name '*.o' -o -name '*.a' -o -name '*.so' -o -path "$O/bin/*" \) -type f -print0)
seen=0
for file in "${built[@]}"; do
	case $file in */attest/core/digest.c.o | */libcloister-attest.a | */bin/cloister) seen=$((seen + 1)) ;; esac
done
[ "$seen" -ge 3 ] || fail "what is to be looked at is not in $O"
found=$(hooks "${built[@]}")
[ -z "$found" ] || fail "hooks of the fuzzers: $found"
grep -rqs -e '-DCLOISTER_FUZZ' "$O"/*/.flags && fail "this build has the fuzzers' flags"
echo "ok none in ${#built[@]} files"
