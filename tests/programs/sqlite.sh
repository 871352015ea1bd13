#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sqlite3: a database file with journal and with WAL, several writers.
. "$(dirname "$0")/lib.sh"
need sqlite3
same "insert and select" bash -c 'd=$(mktemp -d); cd $d; sqlite3 db "create table t(a,b); with recursive c(x) as (select 1 union all select x+1 from c where x<1000) insert into t select x, x*x from c; select count(*), sum(b) from t; pragma integrity_check;"; rm -r $d'
same "wal" bash -c 'd=$(mktemp -d); cd $d; sqlite3 db "pragma journal_mode=wal; create table t(a); insert into t values(1); select * from t;"; ls | sort; rm -r $d'
same "two writers" bash -c 'd=$(mktemp -d); cd $d; sqlite3 db "create table t(a)"; for i in 1 2 3 4; do (for j in $(seq 20); do sqlite3 -cmd ".timeout 10000" db "insert into t values($i)"; done) & done; wait; sqlite3 db "select a, count(*) from t group by a"; rm -r $d'
