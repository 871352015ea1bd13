#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Running a tunnel for long: another policy without a restart, cuts that stay cuts, names with several addresses, IPv6, ages of connections, what its memory shows.
. "$(dirname "$0")/lib.sh"
need python3 curl
good=$(printf 'aa%.0s' {1..32}) other=$(printf 'bb%.0s' {1..32})
policy() { # FILE MEASUREMENT
	echo "{\"version\": 1, \"name\": \"t\", \"types\": [\"sim\"], \"allow\": [\"simulated\", \"custom-root\"], \"require\": [{\"claim\": \"sim.measurement\", \"equals\": \"$2\"}]}" >"$1.new"
	mv "$1.new" "$1"
}
root=sim=$PWD/sim/sim-key.pub.pem
# Sends back what comes; "watch": writes down how the connection ended; "cut me": resets it after some bytes.
cat >echo.py <<'E2'
import socket, socketserver, struct, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        watched = False
        try:
            while d := self.request.recv(1 << 16):
                watched |= d.startswith(b"watch")
                self.request.sendall(d)
                if d == b"cut me":
                    self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.request.close()
                    return
            if watched: print("end", file=open("ends", "a"))
        except ConnectionResetError:
            if watched: print("cut", file=open("ends", "a"))
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 512
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
E2
service=$(free_port)
python3 echo.py "$service" 2>service.log &
pids=($!)
trap 'kill "${pids[@]}" 2>/dev/null' EXIT
wait_port "$service"
tunnel() { # NAME OPTION...
	local name=$1
	shift
	"$CLOISTER" tunnel -v "$@" 2>"$name.log" &
	pids+=($!)
	wait_line "$name" ' on '
}
wait_line() { # NAME PATTERN [COUNT]
	for _ in $(seq 1 500); do
		[ "$(grep -c -e "$2" "$1.log")" -ge "${3:-1}" ] && return
		sleep 0.02
	done
	fail "$1 does not say $2: $(cat "$1.log")"
}
say() { # HOST PORT TEXT: what comes back, or "cut"
	timeout 20 python3 -c '
import socket, sys
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    s.sendall(sys.argv[3].encode()); print(s.recv(100).decode() or "cut")
except ConnectionError: print("cut")' "$@"
}

# Another policy: for new connections, if it is good.
policy policy.json "$good"
tls=$(free_port) plain=$(free_port)
tunnel server --mode server --listen "127.0.0.1:$tls" --connect "127.0.0.1:$service" --attester "sim:folder=$PWD/sim,measurement=$good"
tunnel client --mode client --listen "127.0.0.1:$plain" --connect "127.0.0.1:$tls" --policy policy.json --root "$root" --processes 2 --grace 1
client=${pids[-1]}
expect "the first policy" one "$(say 127.0.0.1 "$plain" one)"
exec 5<>"/dev/tcp/127.0.0.1/$plain"
echo before >&5
read -r -t 20 line <&5
expect "a connection" before "$line"
policy policy.json "$other"
kill -HUP "$client"
wait_line client 'SIGHUP: policy' 2
expect "another policy" cut "$(say 127.0.0.1 "$plain" two)"
wait_line client 'refused: .*sim.measurement'
echo after >&5
read -r -t 20 line <&5
expect "the open connection stays" after "$line"
exec 5>&-
echo nonsense >policy.json
kill -HUP "$client"
wait_line client 'everything stays as it was: policy.json' 2
expect "a bad policy changes nothing" cut "$(say 127.0.0.1 "$plain" three)"
policy policy.json "$good"
kill -HUP "$client"
wait_line client 'SIGHUP: policy' 4
for _ in 1 2 3; do expect "the first again" four "$(say 127.0.0.1 "$plain" four)"; done

# Its memory is nobody's.
child=$(cut -d' ' -f1 "/proc/$client/task/$client/children")
expect "no core dumps" "0 0" "$(awk '/core file/ {print $5, $6}' "/proc/$child/limits")"
kill -TERM "$client"
wait "$client"
expect "the client ends" 0 $?

# How a connection ends on one side is how it ends on the other: a cut is never made an end.
plain3=$(free_port) tls3=$(free_port)
tunnel server3 --mode server --listen "127.0.0.1:$tls3" --connect "127.0.0.1:$service" --attester "sim:folder=$PWD/sim,measurement=$good" --grace 0
server3=${pids[-1]}
tunnel client3 --mode client --listen "127.0.0.1:$plain3" --connect "127.0.0.1:$tls3" --policy policy.json --root "$root"
for how in end cut; do
	rm -f ends
	timeout 20 python3 -c '
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"watch"); s.recv(5)
if sys.argv[2] == "cut": s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()' "$plain3" $how
	for _ in $(seq 1 500); do [ -s ends ] && break; sleep 0.02; done
	expect "the service sees the client's $how" $how "$(cat ends)"
done
cat >until.py <<'E2'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(sys.argv[2].encode()); s.recv(1); print("open", flush=True)
try:
    while s.recv(100): pass
    print("end")
except ConnectionResetError: print("cut")
E2
expect "the client sees the service's cut" "open cut" "$(timeout 20 python3 until.py "$plain3" "cut me" | xargs)"
timeout 20 python3 until.py "$plain3" x >"until.log" &
until=$!
wait_line until open
kill -TERM "$server3"
wait $until
expect "a tunnel that is ended cuts what is open" "open cut" "$(xargs <until.log)"

# Peers that begin and say no more make room for whoever is honest.
plain4=$(free_port) tls4=$(free_port)
tunnel server4 --mode server --listen "127.0.0.1:$tls4" --connect "127.0.0.1:$service" --attester "sim:folder=$PWD/sim,measurement=$good" --handshakes 8
tunnel client4 --mode client --listen "127.0.0.1:$plain4" --connect "127.0.0.1:$tls4" --policy policy.json --root "$root"
cat >half.py <<'E2'
import select, socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for i in range(10)]
for s in held:
    try: s.sendall(bytes.fromhex("1603010010" "01010100" "0303"))  # a record, a ClientHello of 64 KiB announced
    except ConnectionError: pass
print("open", flush=True)
sys.stdin.readline()
print(len(select.select(held, [], [], 0)[0]))
E2
mkfifo told
timeout 60 python3 half.py "$tls4" <told >half.log &
half=$!
exec 7>told
wait_line half open
for i in 1 2 3; do expect "honest peer $i" "honest $i" "$(say 127.0.0.1 "$plain4" "honest $i")"; done
wait_line server4 'cut, it is slow' 3
echo >&7
wait $half
[ "$(tail -n 1 half.log)" -ge 3 ] || fail "half-open peers that were cut: $(tail -n 1 half.log)"
# A burst of honest peers is none: all are served.
expect "64 at once, of which 8 at a time" 64 "$(timeout 60 python3 -c '
import socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 50) for i in range(64)]
for s in held: s.sendall(b"burst")
print(sum(s.recv(100) == b"burst" for s in held))' "$plain4")"

# Connections have an age.
plain2=$(free_port)
tunnel aged --mode client --listen "127.0.0.1:$plain2" --connect "127.0.0.1:$tls" --policy policy.json --root "$root" --max-age 1
expect "an old connection" cut "$(timeout 20 python3 -c '
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(0.05); end = time.time() + 15; said = "not cut"
while time.time() < end:
    try:
        s.sendall(b"x"); s.recv(10)
    except TimeoutError: pass
    except ConnectionError: said = "cut"; break
print(said)' "$plain2")"
wait_line aged 'to be attested again'
expect "a new one" five "$(say 127.0.0.1 "$plain2" five)"

# A port alone: IPv6 and IPv4; an address that does not answer is passed over.
if grep -q . /proc/net/if_inet6 2>/dev/null; then
	both=$(free_port)
	tunnel both --mode client --listen "$both" --connect "127.0.0.1:$tls" --policy policy.json --root "$root"
	expect "IPv4" six "$(say 127.0.0.1 "$both" six)"
	expect "IPv6" seven "$(say ::1 "$both" seven)"
	for from in '127.0.0.1' '\[::1\]'; do grep -q "$from:[0-9]*: attested" both.log || fail "peer $from: $(cat both.log)"; done
	six=$(free_port)
	tunnel six --mode client --listen "[::1]:$six" --connect "127.0.0.1:$tls" --policy policy.json --root "$root"
	expect "only IPv6" eight "$(say ::1 "$six" eight)"
	expect "not IPv4" cut "$(say 127.0.0.1 "$six" nine)"
	printf '%s\n' '::1 two.example' '127.0.0.1 two.example' >hosts
	if unshare -m true 2>/dev/null; then
		named=$(free_port)
		unshare -m sh -c 'mount --bind hosts /etc/hosts && exec "$@"' sh "$CLOISTER" tunnel -v --mode client --listen "127.0.0.1:$named" \
			--connect "two.example:$tls" --policy policy.json --root "$root" 2>named.log &
		pids+=($!)
		wait_line named ' on '
		expect "a name whose first address does not answer" ten "$(say 127.0.0.1 "$named" ten)"
		expect "again" eleven "$(say 127.0.0.1 "$named" eleven)"
	else
		echo "ok (names with two addresses not tested: no mount namespaces here)"
	fi
else
	echo "ok (no IPv6 here)"
fi
