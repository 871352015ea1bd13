#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The examples of docs/examples, built as a user would build them, against the shared libraries; what `openssl s_client` sees of them.
. "$(dirname "$0")/lib.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
need gcc openssl
[ -e "${O:?}/lib/libcloister-tls.so" ] || skip "libcloister-tls.so is not built"
flags=(-Wall -Wextra -Werror -D_GNU_SOURCE -I"$root/include" -L"$O/lib" "-Wl,-rpath,$O/lib" "-Wl,-rpath-link,$O/lib")
for program in tls_server tls_client; do
	gcc -O1 "$root/docs/examples/$program.c" -o $program "${flags[@]}" -lcloister-tls -lcloister-attest || fail "$program does not build"
done
good=$(printf '%064d' 1) port=$(free_port)
for m in "$good" "$(printf '%064d' 2)"; do
	echo "{\"version\": 1, \"name\": \"t\", \"types\": [\"sim\"], \"allow\": [\"simulated\", \"custom-root\"], \"require\": [{\"claim\": \"sim.measurement\", \"equals\": \"$m\"}]}" >"policy$((10#${m: -1})).json"
done
./tls_server "127.0.0.1:$port" sim "folder=$PWD/sim,measurement=$good" 5 2>server.log &
server=$!
trap 'kill $server 2>/dev/null' EXIT
wait_port "$port"
expect "the right policy" "hello" "$(./tls_client "127.0.0.1:$port" policy1.json hello sim/sim-key.pub.pem)"
out=$(./tls_client "127.0.0.1:$port" policy2.json hello sim/sim-key.pub.pem 2>&1)
expect "another policy" 1 $?
[[ $out == *sim.measurement* ]] || fail "no reason: $out"
out=$(./tls_client "127.0.0.1:$port" policy1.json hello 2>&1)
expect "no root" 1 $?
timeout 5 openssl s_client -connect "127.0.0.1:$port" </dev/null >tls 2>&1
grep -q 'TLSv1.3' tls || fail "openssl s_client: $(cat tls)"
echo "ok plain TLS 1.3 outside"
wait $server
expect "the server's end" 0 $?
grep -q 'the peer refused us' server.log || fail "the server was not told: $(cat server.log)"
! grep -q 'sim.measurement' server.log || fail "the reason leaks: $(cat server.log)"
