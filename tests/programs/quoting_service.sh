#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cloister-quoted below a service manager: systemd takes its units, and both sockets are inherited from systemd's own activator.
. "$(dirname "$0")/lib.sh"
quoted=${O:?}/bin/cloister-quoted
units=$(cd "$(dirname "$0")/../../platform/quoting/service" && pwd)
[ -x "$quoted" ] || skip "cloister-quoted is not built"
need systemd-analyze systemd-socket-activate
dir=$(mktemp -d)
service=''
trap '[ -z "$service" ] || kill "$service" 2>/dev/null; wait; rm -rf "$dir"' EXIT
mkdir "$dir/bin"
cp "$quoted" "$dir/bin/"
for unit in "$units"/*.service "$units"/*.socket; do
	sed "s|@PREFIX@|$dir|" "$unit" >"$dir/$(basename "$unit")"
done
(cd "$dir" && systemd-analyze verify --man=no ./*.service ./*.socket) >"$dir/out" 2>&1 || fail "systemd-analyze: $(cat "$dir/out")"
grep "$dir" "$dir/out" && fail "a unit is complained of"
echo "ok units"
if systemd-analyze security --help | grep -q offline; then
	(cd "$dir" && systemd-analyze security --offline=true --threshold=35 ./cloister-quoted.service) >"$dir/out" 2>&1 ||
		fail "more exposed than 3.5: $(tail -n 1 "$dir/out")"
	echo "ok exposure"
fi

systemd-socket-activate --fdname=quoting:aesm -l "$dir/quoting" -l "$dir/aesm" -E PATH="$PATH" \
	"$quoted" --state "$dir/state" --backend sim --backend sgx:sim 2>"$dir/log" &
service=$!
for _ in $(seq 1 500); do [ ! -S "$dir/aesm" ] || break; sleep 0.02; done
# the first client waits for the service to start
"$CLOISTER" sgx target-info --aesm "$dir/aesm" -o "$dir/target" || fail "no target info: $(cat "$dir/log")"
expect "size of the target info" 512 "$(stat -c %s "$dir/target")"
"$CLOISTER" evidence --attester sim --settings "socket=$dir/quoting" --report-data 00 -o "$dir/e" || fail "no evidence: $(cat "$dir/log")"
grep -q "ready at the service manager's socket" "$dir/log" || fail "not the manager's socket: $(cat "$dir/log")"
kill -TERM "$service"
wait "$service"
expect "status" 0 $?
service=''
[ -S "$dir/quoting" ] && [ -S "$dir/aesm" ] || fail "the manager's sockets were removed"
# a socket that is not known
systemd-socket-activate --fdname=other -l "$dir/third" "$quoted" --state "$dir/state" 2>"$dir/log" &
service=$!
for _ in $(seq 1 500); do [ ! -S "$dir/third" ] || break; sleep 0.02; done
python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1]); s.recv(1)' "$dir/third" 2>/dev/null
wait "$service"
expect "status with another socket" 1 $?
service=''
grep -q 'FileDescriptorName=' "$dir/log" || fail "not said: $(cat "$dir/log")"
echo "ok"
