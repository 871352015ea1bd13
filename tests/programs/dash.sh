#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dash: the system shell of scripts.
. "$(dirname "$0")/lib.sh"
need dash
same "arithmetic and functions" dash -c 'f() { echo $(($1 * 2)); }; f 21'
same "subshells and status" dash -c '(exit 3); echo $?; false || echo no; true && echo yes'
same "here-document" dash -c 'cat <<E
one $((1+1))
E'
same "command substitution" dash -c 'echo "$(echo a; echo b | tr b c)"'
same "trap and kill" dash -c 'trap "echo got; exit 5" TERM; kill -TERM $$; echo never'
same "redirections" dash -c 'exec 3>&1; echo out >&3; echo err 2>&1 >/dev/null; ls /nonexistent 2>/dev/null || echo failed'
same "signal status" dash -c 'dash -c "kill -9 \$\$"; echo $?'
same "wait for background" dash -c 'sleep 0.1 & wait $!; echo $?'
same "read lines" dash -c 'printf "a b\nc d\n" | while read x y; do echo "$y-$x"; done'
