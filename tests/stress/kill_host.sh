#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill_host.sh [ROUNDS]: kill -9 of host processes of an enclave from outside. Whichever it is (the first one, one of the
# pool, one that runs a program): the enclave stops with one clear line and status 125, and no host process is left. If it
# is the launcher: all of them go with it.
# shellcheck source=tests/programs/lib.sh
. "$(dirname "$0")/../programs/lib.sh"
rounds=${1:-1}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
quiet='sleep 1000 & sleep 1000 & sleep 1000'
busy='sleep 1000 & while :; do /bin/true; echo alive; done'

# Waits up to 10 s until none of the processes in $@ exists (zombies of other parents count as gone).
gone() {
	local pid left
	for _ in {1..200}; do
		left=
		for pid; do
			[ -e "/proc/$pid" ] && ! grep -q '^State:.*[ZX]' "/proc/$pid/status" 2>/dev/null && left=$pid
		done
		[ -z "$left" ] && return 0
		sleep 0.05
	done
	echo "process $left is left: $(tr '\0' ' ' <"/proc/$left/cmdline")"
	return 1
}
start() { # PROGRAM
	"$CLOISTER" run -- /bin/sh -c "$1" >"$out" 2>&1 &
	launcher=$!
	for _ in {1..200}; do
		mapfile -t children < <(pgrep -P "$launcher")
		[ ${#children[@]} -ge 6 ] && return # first, pool, shell, sleep
		sleep 0.02
	done
	cat "$out"
	kill -9 "$launcher"
	fail "the enclave did not start: ${#children[@]} host processes"
}
# Waits for the launcher's end, in `status`. 137: the enclave goes on, for the victim had ended before it was killed.
wait_for_end() {
	local before
	for _ in {1..100}; do
		kill -0 "$launcher" 2>/dev/null || break
		sleep 0.05
	done
	if kill -0 "$launcher" 2>/dev/null; then
		before=$(wc -l <"$out")
		sleep 1
		[ "$(wc -l <"$out")" -gt "$before" ] && going=1 || going=0
		kill -9 "$launcher"
		wait "$launcher" 2>/dev/null
		[ "$going" = 1 ] || fail "$1: the launcher hangs"
		status=137
		return
	fi
	wait "$launcher" 2>/dev/null
	status=$?
}
one() { # PROGRAM NAME INDEX: kills the INDEXth child
	start "$1"
	kill -9 "${children[$3]}" 2>/dev/null
	mapfile -t more < <(pgrep -P "$launcher")
	wait_for_end "$2"
	[ $status = 137 ] && [ "$1" = "$busy" ] && return
	expect "$2: status" 125 "$status"
	expect "$2: lines" 1 "$(grep -vc alive "$out")"
	grep -q "^cloister: .*ended from outside (signal 9)" "$out" || fail "$2: no clear message: $(cat "$out")"
	gone "${children[@]}" "${more[@]}" || fail "$2: processes are left"
}
for ((round = 0; round < rounds; round++)); do
	for index in 0 1 2 3 4 5; do
		one "$quiet" "host process $index" $index
		one "$busy" "busy, host process $index" $index
	done
	start "$busy"
	kill -9 "$launcher"
	wait "$launcher" 2>/dev/null
	gone "${children[@]}" || fail "launcher: processes are left"
	echo "ok launcher"
	for moment in 0.001 0.003 0.005 0.008 0.013 0.02 0.03; do # while the enclave starts
		"$CLOISTER" run -- /bin/sh -c "$busy" >"$out" 2>&1 &
		launcher=$!
		sleep "$moment"
		mapfile -t children < <(pgrep -P "$launcher")
		kill -9 "$launcher"
		wait "$launcher" 2>/dev/null
		gone "${children[@]}" || fail "after $moment s: processes are left"
	done
	echo "ok launcher, early"
done
