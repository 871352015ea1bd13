#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that make terminals for others: expect, tmux, screen, script. What is not installed is left out.
. "$(dirname "$0")/lib.sh"
tried=0
have() { command -v "$1" >/dev/null && tried=$((tried + 1)); }
if have expect; then
	cat >dialogue.exp <<'EOF'
log_user 0
spawn bash --norc
expect "\\$ "
send "echo \$((40+2))x\r"
expect "42x"
send "exit 5\r"
expect eof
puts [lindex [wait] 3]
EOF
	expect "expect" 5 "$(enclave -v "$PWD:/mnt:ro" -- expect /mnt/dialogue.exp 2>&1)"
fi
if have tmux; then
	expect "tmux" "found" "$(enclave -e TERM=xterm -e LC_ALL=C.UTF-8 -- bash -c '
		tmux -f /dev/null new-session -d -s a "bash --norc"
		tmux send-keys -t a "echo \$((6*7))yes" Enter
		for i in $(seq 500); do
			tmux capture-pane -p -t a | grep -q ^42yes && { echo found; break; }
			sleep 0.02
		done
		tmux kill-server' 2>&1)"
fi
if have screen; then
	expect "screen" "inner" "$(enclave -e TERM=xterm -e SCREENDIR=/tmp/screens -- bash -c '
		mkdir -m 700 /tmp/screens
		screen -D -m bash -c "echo inner >/tmp/out" && cat /tmp/out' 2>&1)"
fi
if have script; then
	expect "script" "a terminal" "$(enclave -- script -qec 'test -t 0 && test -t 1 && echo a terminal' /dev/null 2>&1 | tr -d '\r')"
fi
[ $tried -gt 0 ] || skip "none of them is installed"
