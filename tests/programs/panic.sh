#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A panic of the kernel: gdb lets a task that sleeps in the kernel go on in a function of the kernel, with a bad pointer. The
# enclave ends at once, and the launcher says what, with registers, a backtrace with names, and the last calls.
. "$(dirname "$0")/lib.sh"
need gdb
script=$(dirname "$0")/../../platform/process/gdb.py
name=panic-$$
"$CLOISTER" run --name "$name" -- bash -c 'cat /etc/hostname >/dev/null; exec sleep 60' </dev/null >/dev/null 2>err &
p=$!
trap 'kill $p 2>/dev/null' EXIT
host=
for _ in $(seq 1 200); do
	host=$("$CLOISTER" ps --host 2>/dev/null | awk -v name="$name" '$2 == name { mine = 1; next } mine && /host/ { for (i = 1; i < NF; i++) if ($i == "host") print $(i + 1); exit }')
	[ "${host:-0}" != 0 ] && break
	sleep 0.05
done
[ "${host:-0}" != 0 ] || fail "cloister ps --host does not show the process"
for _ in $(seq 1 100); do # until it sleeps
	out=$(gdb -p "$host" -x "$script" -batch -ex bt 2>&1)
	case $out in *'Operation not permitted'*) skip "this user may not trace processes here" ;; esac
	case $out in *plat_park*) break ;; esac
	sleep 0.1
done
# shellcheck disable=SC2016 # gdb's variables
gdb -p "$host" -batch -ex 'set $orig_rax = -1' -x "$script" -ex 'set $rdi = 8' -ex 'set $pc = task_release_vfork' >/dev/null 2>&1
wait $p
status=$?
trap - EXIT
out=$(cat err)
[ $status = 125 ] || fail "status $status, not 125: $out"
sees() { grep -qE "$2" err && echo "ok $1" || fail "$1: no $2 in: $out"; }
sees "what" 'the enclave stopped: signal 11'
sees "registers" 'rip [0-9a-f]+.*address [0-9a-f]+, rsp [0-9a-f]+'
grep -A 1 '^fault at:' err | grep -q 'task_release_vfork+0x' || fail "no name for where the fault was: $out"
sees "names in the backtrace" 'plat_park\+0x'
sees "further up" 'syscall_dispatch\+0x'
sees "the last calls" 'last calls: clock_nanosleep'
