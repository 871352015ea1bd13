#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# redis-server under redis-benchmark from outside; BGSAVE with 64 MiB of values under load.
. "$(dirname "$0")/lib.sh"
need redis-server redis-cli redis-benchmark
port=$(free_port)
"$CLOISTER" run -- redis-server --port "$port" --save "" --dir /tmp >redis.log 2>&1 &
server=$!
wait_port "$port"
cli() { redis-cli -p "$port" "$@"; }
expect "ping" PONG "$(cli ping)"
expect "set" OK "$(cli set key value)"
expect "get" value "$(cli get key)"
redis-benchmark -p "$port" -c 50 -n 20000 -t set,get -q >bench.log 2>&1 || fail "benchmark: $(cat bench.log)"
cli debug set-active-expire 1 >/dev/null
redis-benchmark -p "$port" -t set -n 1100 -r 100000000 -d 65536 -c 10 -q >fill.log 2>&1 || fail "fill"
used=$(cli info memory | sed -n 's/^used_memory:\([0-9]*\).*/\1/p')
[ "$used" -ge 67108864 ] || fail "only $used bytes of values"
redis-benchmark -p "$port" -c 20 -n 60000 -t get -q >load.log 2>&1 &
load=$!
cli bgsave | grep -q started || fail "bgsave did not start"
for _ in $(seq 1 600); do
	[ "$(cli info persistence | sed -n 's/^rdb_bgsave_in_progress:\([01]\).*/\1/p')" = 0 ] && break
	sleep 0.1
done
expect "bgsave" ok "$(cli info persistence | sed -n 's/^rdb_last_bgsave_status:\([a-z]*\).*/\1/p')"
wait $load || fail "the load failed during bgsave"
expect "alive" PONG "$(cli ping)"
cli shutdown nosave
wait $server
expect "clean end" 0 "$?"
