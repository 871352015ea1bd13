#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Options of cloister run, exit status and signals as a shell expects, stdin and stdout.
. "$(dirname "$0")/lib.sh"
enclave -- sh -c 'exit 7'; expect "exit status" 7 $?
enclave -- sh -c 'kill -TERM $$'; expect "death by signal" 143 $?
expect "stdin" "from stdin" "$(echo from stdin | enclave -i -- cat)"
expect "stdout to a file" "text" "$(enclave -- echo text >o; cat o)"
expect "stderr apart" "" "$(enclave -- sh -c 'echo x >&2' 2>/dev/null)"
expect "environment" "b" "$(enclave -e A=b -- sh -c 'echo $A')"
expect "environment from ours" "c" "$(B=c enclave -e B -- sh -c 'echo $B')"
expect "working directory" "/usr" "$(enclave -w /usr -- pwd)"
expect "user" "1000:1001" "$(enclave -u 1000:1001 -- sh -c 'echo $(id -u):$(id -g)')"
mkdir vol && echo inside >vol/f && chmod 777 vol
expect "volume" "inside" "$(enclave -v "$PWD/vol:/data" -- cat /data/f)"
enclave -v "$PWD/vol:/data" -- sh -c 'echo written >/data/g'
expect "volume written" "written" "$(cat vol/g)"
enclave -v "$PWD/vol:/data:ro" -- sh -c 'echo x >/data/h' 2>/dev/null; expect "read-only volume" 2 $?
[ ! -e vol/h ] || fail "read-only volume was written"
enclave -u 0 -- sh -c 'echo changed >/etc/cloister-test-file && cat /etc/cloister-test-file' >o; expect "root can be written" changed "$(cat o)"
[ ! -e /etc/cloister-test-file ] || fail "the host's root was changed"
expect "args keep spaces" "a  b|c" "$(enclave -- printf '%s|%s' 'a  b' c)"
case "$(enclave --trace -- cat /dev/null 2>&1)" in *'openat('*'/dev/null'*) echo "ok trace" ;; *) fail "no trace line" ;; esac
stats=$(enclave --stats -- ls / 2>&1 >/dev/null)
for word in "system calls" "host calls" rewritten trapped memory; do
	case $stats in *"$word"*) ;; *) fail "--stats says nothing on $word: $stats" ;; esac
done
# Not the function: in the background that would be a shell of its own between us and the launcher.
"$CLOISTER" run -- sleep 100 & p=$!
sleep 0.5; kill -TERM $p; wait $p; expect "SIGTERM goes through" 143 $?
env --default-signal=INT "$CLOISTER" run -- sh -c 'trap "exit 9" INT; while :; do sleep 0.05; done' & p=$!
sleep 0.7; kill -INT $p; wait $p; expect "SIGINT goes through" 9 $?
expect "large output" "$(seq 200000 | md5sum)" "$(enclave -- seq 200000 | md5sum)"
enclave -- true </dev/null >/dev/full; expect "closed stdout is harmless" 0 $?
