#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# gdb attaches to a host process and sees the kernel's frames, the task, and the application's frames behind them.
. "$(dirname "$0")/lib.sh"
need gdb
script=$(dirname "$0")/../../platform/process/gdb.py
"$CLOISTER" run --name "gdb-$$" sleep 60 </dev/null >/dev/null 2>&1 &
p=$!
trap 'kill $p 2>/dev/null' EXIT
host=
for _ in $(seq 1 200); do
	host=$("$CLOISTER" ps --host 2>/dev/null | awk -v name="gdb-$$" '$2 == name { mine = 1; next } mine && /host/ { for (i = 1; i < NF; i++) if ($i == "host") print $(i + 1); exit }')
	[ "${host:-0}" != 0 ] && break
	sleep 0.05
done
[ "${host:-0}" != 0 ] || fail "cloister ps --host does not show the process"
for _ in $(seq 1 100); do # until it sleeps
	out=$(gdb -p "$host" -x "$script" -batch -ex 'bt 30' -ex cloister-task 2>&1)
	case $out in *'Operation not permitted'*) skip "this user may not trace processes here" ;; esac
	case $out in *clock_nanosleep*) break ;; esac
	sleep 0.1
done
sees() { case $out in *"$2"*) echo "ok $1" ;; *) fail "$1: no $2 in: $out" ;; esac; }
sees "kernel frames" 'syscall_dispatch ('
sees "kernel source lines" kernel/sys/dispatch.c
sees "frames of the application's libc" nanosleep
sees "the program's start" __libc_start_call_main
sees "the task" '(sleep), process'
sees "its last calls" 'clock_nanosleep ='
