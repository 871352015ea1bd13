#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# MariaDB as an ordinary user: a new database, the server with InnoDB on asynchronous I/O, queries, a clean stop. It reserves
# terabytes of addresses, which must leave the kernel's own pages alone.
. "$(dirname "$0")/lib.sh"
need mariadbd mariadb mariadb-admin mariadb-install-db
user=$(id -u)
[ "$user" = 0 ] && user=65534
out=$(enclave -u "$user" -e HOME=/tmp -- bash -c '
cd /tmp
mariadb-install-db --no-defaults --datadir=/tmp/db --auth-root-authentication-method=normal --skip-test-db >log 2>&1 || { cat log; exit 1; }
mariadbd --no-defaults --datadir=/tmp/db --socket=/tmp/s --skip-networking --innodb-buffer-pool-size=32M >server.log 2>&1 &
server=$!
for i in $(seq 300); do
	mariadb-admin --no-defaults -S /tmp/s -u root ping >/dev/null 2>&1 && break
	kill -0 $server 2>/dev/null || { cat server.log; exit 1; }
	sleep 0.1
done
mariadb --no-defaults -N -S /tmp/s -u root -e "
create database d;
use d;
create table t(a int primary key, b text) engine=innodb;
insert into t select seq, repeat(char(65+seq%26),100) from seq_1_to_20000;
select count(*), sum(a) from t;
update t set b=concat(b,a);
select max(length(b)) from t;"
mariadb-admin --no-defaults -S /tmp/s -u root shutdown
wait $server
echo "stopped $?"
grep -o "Using Linux native AIO" server.log' 2>&1)
expect "mariadb" "20000	200010000
105
stopped 0
Using Linux native AIO" "$out"
