#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill_host.sh [ROUNDS]: kill -9 of host processes of an enclave from outside. Whichever it is (the first one, one of the
# pool, one that runs a program): the enclave stops with one clear line and status 125, and no host process is left. If it
# is the launcher: all of them go with it.
# shellcheck source=../programs/lib.sh
. "$(dirname "$0")/../programs/lib.sh"
rounds=${1:-1}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
program='/bin/sleep 1000 & (while :; do /bin/true; done) & sleep 1000'

# Waits up to 10 s until none of the processes in $@ exists (zombies of other parents count as gone).
gone() {
	local pid
	for _ in {1..200}; do
		local left=
		for pid; do
			[ -e "/proc/$pid" ] && ! grep -q '^State:.*[ZX]' "/proc/$pid/status" 2>/dev/null && left=$pid
		done
		[ -z "$left" ] && return 0
		sleep 0.05
	done
	echo "process $left is left: $(tr '\0' ' ' <"/proc/$left/cmdline")"
	return 1
}
start() {
	"$CLOISTER" run -- /bin/sh -c "$program" >"$out" 2>&1 &
	launcher=$!
	for _ in {1..200}; do
		mapfile -t children < <(pgrep -P "$launcher")
		[ ${#children[@]} -ge 6 ] && return # first, pool, shell, sleep ...
		sleep 0.02
	done
	cat "$out"
	fail "the enclave did not start: ${#children[@]} host processes"
}
# The end of the launcher, watched from outside: no hang.
status_of() {
	local pid=$1
	for _ in {1..200}; do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	kill -9 "$pid" 2>/dev/null && fail "the launcher hangs"
	wait "$pid"
}
one() { # NAME INDEX: kills the INDEXth child
	start
	local victim=${children[$2]}
	kill -9 "$victim" 2>/dev/null || victim=
	[ -n "$victim" ] || { kill -9 "$launcher"; wait "$launcher" 2>/dev/null; return 1; }
	mapfile -t more < <(pgrep -P "$launcher")
	status_of "$launcher"
	local status=$?
	expect "$1: status" 125 "$status"
	expect "$1: lines" 1 "$(wc -l <"$out")"
	grep -q "^cloister: .*ended from outside (signal 9)" "$out" || fail "$1: no clear message: $(cat "$out")"
	gone "${children[@]}" "${more[@]}" || fail "$1: processes are left"
}
for ((round = 0; round < rounds; round++)); do
	for index in 0 1 2 3 4 5; do
		for _ in 1 2 3 4 5; do one "host process $index" $index && break; done # it may just have ended by itself
	done
	start
	kill -9 "$launcher"
	wait "$launcher" 2>/dev/null
	gone "${children[@]}" || fail "launcher: processes are left"
	echo "ok launcher"
	# A hundred moments of the life of an enclave that starts many programs.
	for moment in 0.001 0.003 0.005 0.008 0.013 0.02 0.03; do
		"$CLOISTER" run -- /bin/sh -c 'while :; do /bin/true; done' >"$out" 2>&1 &
		launcher=$!
		sleep "$moment"
		mapfile -t children < <(pgrep -P "$launcher")
		kill -9 "$launcher"
		wait "$launcher" 2>/dev/null
		gone "${children[@]}" || fail "after $moment s: processes are left"
	done
	echo "ok launcher, early"
done
