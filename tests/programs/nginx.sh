#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nginx with two workers, and curl against it, from the host and from inside.
. "$(dirname "$0")/lib.sh"
need nginx curl
port=$(free_port)
mkdir www && echo "hello from the enclave" >www/index.html && head -c 3000000 /dev/urandom >www/big && chmod -R a+rX . www
cat >nginx.conf <<E
worker_processes 2; daemon off; pid /tmp/nginx.pid; error_log stderr; user root;
events { worker_connections 256; }
http { access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
server { listen 127.0.0.1:$port; root $PWD/www; } }
E
[ "$(id -u)" = 0 ] || sed -i 's/user root;//' nginx.conf
"$CLOISTER" run -v "$PWD:$PWD" -- nginx -c "$PWD/nginx.conf" >nginx.log 2>&1 &
server=$!
wait_port "$port"
expect "index" "hello from the enclave" "$(curl -s "http://127.0.0.1:$port/")"
expect "big file" "$(md5sum <www/big)" "$(curl -s "http://127.0.0.1:$port/big" | md5sum)"
expect "missing" 404 "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/nothing")"
for _ in $(seq 1 50); do curl -s "http://127.0.0.1:$port/" & done | sort | uniq -c >many
expect "50 at once" "50 hello from the enclave" "$(sed 's/^ *//' many)"
expect "curl in an enclave" "hello from the enclave" "$(enclave -- curl -s "http://127.0.0.1:$port/")"
kill -TERM $server
wait $server
expect "clean end" 0 "$?"
