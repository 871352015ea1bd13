#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What cannot run gives one clear line and the right status: 125 ours, 126 cannot execute, 127 not found.
. "$(dirname "$0")/lib.sh"
bad() { # WHAT STATUS PATTERN ARGS...
	local what=$1 status=$2 pattern=$3 out got
	shift 3
	out=$("$CLOISTER" run "$@" 2>&1 </dev/null)
	got=$?
	[ "$got" = "$status" ] || fail "$what: status $got instead of $status: $out"
	[ "$(printf '%s\n' "$out" | wc -l)" = 1 ] || fail "$what: not one line: $out"
	case $out in
	cloister:*$pattern*) echo "ok $what: $out" ;;
	*) fail "$what: no [$pattern] in: $out" ;;
	esac
}
printf 'just text\n' >text; chmod +x text
cp /bin/true truncated && truncate -s 100 truncated
cp /bin/true arch && printf '\xb7' | dd of=arch bs=1 seek=18 conv=notrunc 2>/dev/null
printf '#!%s/loop\n' /w >loop; chmod +x loop
printf '#!/no/such/interpreter\n' >nointerp; chmod +x nointerp
cp /bin/true noloader && python3 - <<'P'
d = bytearray(open("noloader", "rb").read())
i = d.find(b"/lib64/ld-linux-x86-64.so.2")
d[i:i + 7] = b"/lib65/"
open("noloader", "wb").write(d)
P
: >empty; chmod +x empty
cp /bin/true noexec; chmod -x noexec
chmod 755 .
V="-v $PWD:/w"
bad "not an ELF" 126 "text" $V /w/text
bad "empty file" 126 "empty" $V /w/empty
bad "wrong architecture" 126 "arch" $V /w/arch
bad "truncated" 126 "truncated" $V /w/truncated
bad "script loop" 126 "loop" $V /w/loop
bad "missing interpreter of a script" 127 "nointerp" $V /w/nointerp
bad "missing ELF interpreter" 127 "noloader" $V /w/noloader
bad "not executable" 126 "noexec" $V /w/noexec
bad "a directory" 126 "/etc" /etc
bad "missing program" 127 "/no/such" /no/such
bad "missing in PATH" 127 "no-such-program" no-such-program
bad "unknown option" 125 "--no-such-option" --no-such-option true
bad "no program" 125 "PROGRAM"
bad "rootfs missing" 125 "/no/such/dir" --rootfs /no/such/dir /bin/true
bad "rootfs is a file" 125 "passwd" --rootfs /etc/passwd /bin/true
bad "memory too small" 125 "memory" --memory 1M /bin/true
bad "memory not a number" 125 "--memory" --memory lots /bin/true
bad "bad volume" 125 "-v" -v nonsense /bin/true
bad "volume source missing" 125 "/no/such/src" -v /no/such/src:/x /bin/true
bad "bad environment" 125 "-e" -e =x /bin/true
bad "working directory missing" 126 "/no/such/cwd" -w /no/such/cwd /bin/true
if [ "$(id -u)" != 0 ]; then
	mkdir closed && chmod 0 closed
	bad "unreadable rootfs" 125 "closed" --rootfs "$PWD/closed" /bin/true
	chmod 700 closed
fi
