#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# openssl: s_server in an enclave, s_client outside and inside.
. "$(dirname "$0")/lib.sh"
need openssl
port=$(free_port)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost -days 2 2>/dev/null
"$CLOISTER" run -v "$PWD:/w" -w /w -- openssl s_server -accept "$port" -key key.pem -cert cert.pem -www -quiet >server.log 2>&1 &
server=$!
wait_port "$port"
ask() { printf 'GET / HTTP/1.0\r\n\r\n' | "$@" 2>/dev/null | grep -c 'HTTP/1.0 200'; }
expect "s_client outside" 1 "$(ask openssl s_client -connect "127.0.0.1:$port" -CAfile cert.pem -verify_return_error -quiet)"
expect "s_client in an enclave" 1 "$(ask "$CLOISTER" run -i -v "$PWD:/w" -w /w -- openssl s_client -connect "127.0.0.1:$port" -CAfile cert.pem -verify_return_error -quiet)"
kill $server
wait $server
same "sha256" openssl sha256 /bin/bash
same "rand and speed" bash -c 'openssl rand 16 | wc -c'
