#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bash: pipelines, here-documents, traps, background jobs, process substitution.
. "$(dirname "$0")/lib.sh"
same "long pipeline" bash -c 'seq 1 5000 | grep 7 | sed s/7/x/g | sort -r | uniq | tail -n 2'
same "pipestatus" bash -c 'false | true | (exit 4); echo ${PIPESTATUS[@]}'
same "here-string and here-document" bash -c 'cat <<<"here"; cat <<-E
	tabbed $HOSTTYPE
	E'
same "process substitution" bash -c 'diff <(seq 1 5) <(seq 1 6); paste <(echo a) <(echo b)'
same "traps" bash -c 'trap "echo exit" EXIT; trap "echo usr1" USR1; kill -USR1 $$; (trap - EXIT; echo sub); echo end'
same "background jobs" bash -c 'for i in 1 2 3; do (sleep 0.0$i; echo $i) & done | sort; wait; echo done'
same "wait -n" bash -c 'sleep 5 & p=$!; (exit 7) & wait -n; echo $?; kill $p; wait $p; echo $?'
same "coproc" bash -c 'coproc cat; echo hi >&${COPROC[1]}; read -r x <&${COPROC[0]}; echo $x'
same "arrays and regex" bash -c 'a=(x y z); [[ foo123 =~ ([0-9]+) ]] && echo ${BASH_REMATCH[1]} ${#a[@]}'
same "ulimit and umask" bash -c 'umask 027; umask; ulimit -n 100; ulimit -n'
same "SIGPIPE" bash -c 'yes | head -n 1; echo ${PIPESTATUS[0]}'
same "exec replaces" bash -c 'exec echo replaced'
same "not executable" bash -c '/etc/passwd; echo $?'
same "nested shells" bash -c 'bash -c "bash -c \"echo \$((1+1))\""'
same "loops of forks" bash -c 'for i in {1..40}; do /bin/true; done; echo $?'
