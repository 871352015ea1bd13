#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL as an ordinary user: initdb, server, queries, pgbench with four clients, a clean stop.
. "$(dirname "$0")/lib.sh"
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -x "$bin/initdb" ] || skip "the server is not installed"
port=$(free_port)
user=$(id -u)
[ "$user" = 0 ] && user=65534
out=$(enclave -u "$user" -e HOME=/tmp -e LC_ALL=C -- bash -c '
b='"$bin"' p='"$port"'
$b/initdb -D /tmp/db -A trust -U pg >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
$b/pg_ctl -D /tmp/db -s -o "-k /tmp -p $p -c listen_addresses=127.0.0.1" -l /tmp/log -w start || { cat /tmp/log; exit 1; }
$b/psql -h /tmp -p $p -U pg -At postgres -c "create table t as select generate_series(1,100000) a" -c "create index on t(a)" -c "select sum(a) from t"
$b/psql -h 127.0.0.1 -p $p -U pg -At postgres -c "select count(*) from t where a < 10"
$b/pgbench -h /tmp -p $p -U pg -i -q postgres >/tmp/bench 2>&1 || cat /tmp/bench
$b/pgbench -h /tmp -p $p -U pg -c 4 -j 2 -t 100 postgres 2>&1 | grep processed
$b/pg_ctl -D /tmp/db -s -m fast stop && echo stopped' 2>&1)
expect "postgres" "SELECT 100000
CREATE INDEX
5000050000
9
number of transactions actually processed: 400/400
stopped" "$out"
