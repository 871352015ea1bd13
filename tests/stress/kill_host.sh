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
quiet='sleep 1000 & sleep 1000 & sleep 1000'
busy='sleep 1000 & while :; do /bin/true; echo alive; done'

# Waits up to 10 s until none of the processes in $@ exists (zombies of other parents count as gone).
gone() { # PROGRAM NAME INDEX: kills the INDEXth child; 1 if it was over by itself
	start "$1"
	local victim=${children[$3]}
	kill -9 "$victim" 2>/dev/null
	mapfile -t more < <(pgrep -P "$launcher")
	status_of "$launcher"
	local status=$?
	[ $status = 137 ] && [ "$1" = "$busy" ] && return 1
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
