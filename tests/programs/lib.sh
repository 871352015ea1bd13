# SPDX-License-Identifier: Apache-2.0
# For program tests: `enclave ARGS...` is `cloister run ARGS...`; failures say what was expected.
# shellcheck shell=bash
set -u
: "${CLOISTER:?path of the cloister program}"
enclave() { "$CLOISTER" run "$@"; }
fail() {
	echo "FAIL $*"
	exit 1
}
skip() {
	echo "$*"
	exit 77
}
need() {
	for program; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}
# expect WHAT EXPECTED ACTUAL
expect() {
	[ "$2" = "$3" ] || fail "$1: expected [$2], got [$3]"
	echo "ok $1"
}
# same WHAT COMMAND...: natively and in the enclave the same output and status
same() {
	local what=$1 native enclaved s1 s2
	shift
	native=$("$@" 2>&1 </dev/null)
	s1=$?
	enclaved=$(enclave -- "$@" 2>&1 </dev/null)
	s2=$?
	[ "$s1" = "$s2" ] || fail "$what: status natively $s1, in the enclave $s2: $enclaved"
	expect "$what" "$native" "$enclaved"
}
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
wait_port() { # PORT
	for _ in $(seq 1 500); do
		(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
		sleep 0.02
	done
	fail "nothing listens on port $1"
}
