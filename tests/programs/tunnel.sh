#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# curl and python's HTTP server through a pair of tunnels: right and wrong policies, big transfers, half-closed streams, many
# connections at once, unix sockets, both modes, mutual, ending.
. "$(dirname "$0")/lib.sh"
need python3 curl
good=$(printf 'aa%.0s' {1..32}) other=$(printf 'bb%.0s' {1..32})
policy() { # FILE MEASUREMENT [MORE-TYPES MORE-ALLOWS]
	cat >"$1" <<-E
		{"version": 1, "name": "test", "types": ["sim"${3:-}], "allow": ["simulated", "custom-root"${4:-}],
		 "require": [{"claim": "sim.measurement", "equals": "$2"}]}
	E
}
policy good.json "$good"
policy other.json "$other"
policy certificate.json "$good" ', "ratls-certificate"' ', "no-freshness"'
attester=sim:folder=$PWD/sim,measurement=$good
root=sim=$PWD/sim/sim-key.pub.pem

mkdir www && echo "hello through the tunnel" >www/index.html && head -c 40000000 /dev/urandom >www/big
cat >service.py <<'E'
# Serves www, takes PUT (answers with the digest), and on a second port sends back the digest of what came before the end.
import hashlib, http.server, os, socket, socketserver, sys, threading
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args): pass
    def do_PUT(self):
        left, h = int(self.headers["Content-Length"]), hashlib.md5()
        while left:
            data = self.rfile.read(min(left, 1 << 16)); h.update(data); left -= len(data)
        body = h.hexdigest().encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True
class Digest(socketserver.BaseRequestHandler):
    def handle(self):
        h = hashlib.md5()
        while data := self.request.recv(1 << 16): h.update(data)
        self.request.sendall(h.hexdigest().encode())
class Digests(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 512
os.chdir("www")
d = Digests(("127.0.0.1", int(sys.argv[2])), Digest)
threading.Thread(target=d.serve_forever, daemon=True).start()
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
E
http=$(free_port) digest=$(free_port)
python3 service.py "$http" "$digest" 2>service.log &
service=$!
pids=()
trap 'kill "$service" "${pids[@]}" 2>/dev/null' EXIT
wait_port "$http"
wait_port "$digest"
tunnel() { # NAME OPTION...
	local name=$1
	shift
	"$CLOISTER" tunnel -v "$@" 2>"$name.log" &
	pids+=($!)
	for _ in $(seq 1 250); do
		grep -q ' on ' "$name.log" 2>/dev/null && return
		kill -0 $! 2>/dev/null || fail "$name ended: $(cat "$name.log")"
		sleep 0.02
	done
	fail "$name does not listen: $(cat "$name.log")"
}
tls=$(free_port) plain=$(free_port)
tunnel server --mode server --listen "127.0.0.1:$tls" --connect "127.0.0.1:$http" --attester "$attester" --grace 1
server=${pids[-1]}
tunnel client --mode client --listen "127.0.0.1:$plain" --connect "127.0.0.1:$tls" --policy good.json --root "$root" --grace 1
client=${pids[-1]}
url=http://127.0.0.1:$plain
expect "index" "hello through the tunnel" "$(curl -s "$url/")"
expect "big, down" "$(md5sum <www/big)" "$(curl -s "$url/big" | md5sum)"
expect "big, up" "$(md5sum <www/big | cut -d' ' -f1)" "$(curl -s -T www/big "$url/put")"
for _ in $(seq 1 200); do curl -s "$url/" & done | sort | uniq -c >many
expect "200 at once" "200 hello through the tunnel" "$(sed 's/^ *//' many)"
grep -q "attested, open" client.log || fail "the client does not say so: $(cat client.log)"

# What listens on the TLS side is no plain service, and shows nothing to whoever asks without evidence.
expect "plain HTTP into TLS" "" "$(curl -s --http0.9 --max-time 5 "http://127.0.0.1:$tls/" | tr -cd '[:lower:]')"
curl -sk --http0.9 --tlsv1.3 --max-time 5 "https://127.0.0.1:$tls/" >out 2>&1
! grep -q hello out || fail "an answer without attestation: $(cat out)"
echo "ok nothing without attestation"

# Only looking at what the server says of itself.
"$CLOISTER" verify --connect "127.0.0.1:$tls" --policy good.json --root "$root" >out 2>&1
expect "verify --connect" 0 $?
"$CLOISTER" verify --connect "127.0.0.1:$tls" --policy other.json --root "$root" >out 2>&1
expect "verify --connect, another policy" 1 $?

# Half-closed: the service answers after the client's end.
tls2=$(free_port) plain2=$(free_port)
tunnel server2 --mode server --listen "127.0.0.1:$tls2" --connect "127.0.0.1:$digest" --attester "$attester" --policy good.json --root "$root" --mutual
tunnel client2 --mode client --listen "127.0.0.1:$plain2" --connect "127.0.0.1:$tls2" --attester "$attester" --policy good.json --root "$root" --mutual
expect "half-closed, mutual" "$(md5sum <www/big | cut -d' ' -f1)" "$(python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(open("www/big", "rb").read()); s.shutdown(socket.SHUT_WR)
out = b""
while d := s.recv(100): out += d
print(out.decode())' "$plain2")"

# Wrong ones.
plain3=$(free_port)
tunnel client3 --mode client --listen "127.0.0.1:$plain3" --connect "127.0.0.1:$tls" --policy other.json --root "$root"
expect "wrong policy" "" "$(curl -s --max-time 10 "http://127.0.0.1:$plain3/")"
grep -q 'refused: .*sim.measurement' client3.log || fail "no reason: $(cat client3.log)"
for _ in $(seq 1 100); do grep -q 'the peer refused us' server.log && break; sleep 0.05; done
grep -q 'the peer refused us' server.log || fail "the server was not told: $(cat server.log)"
! grep -q 'sim.measurement' server.log || fail "the reason leaks: $(cat server.log)"
plain4=$(free_port)
tunnel client4 --mode client --listen "127.0.0.1:$plain4" --connect "127.0.0.1:$tls2" --policy good.json --root "$root"
expect "a client without evidence" "" "$(curl -s --max-time 10 "http://127.0.0.1:$plain4/")"
grep -q 'refused: the peer has no evidence' server2.log || fail "no reason: $(cat server2.log)"
echo "ok refusals"

# Unix sockets, and certificate mode.
tunnel server5 --mode server --listen unix:tls.sock --connect "127.0.0.1:$http" --attester "$attester" --certificate-mode
tunnel client5 --mode client --listen unix:plain.sock --connect unix:tls.sock --policy certificate.json --root "$root" --certificate-mode --keep-results 60
expect "unix, certificate mode" "hello through the tunnel" "$(curl -s --unix-socket plain.sock http://x/)"
expect "unix, again" "hello through the tunnel" "$(curl -s --unix-socket plain.sock http://x/)"
plain6=$(free_port)
tunnel client6 --mode client --listen "127.0.0.1:$plain6" --connect unix:tls.sock --policy good.json --root "$root" --handshake-timeout 2
expect "modes do not mix" "" "$(curl -s --max-time 10 "http://127.0.0.1:$plain6/")"

# Mistakes are told at once.
for bad in "--mode server --listen 1 --connect 2" "--mode client --listen 1 --connect 2 --attester sim" "--mode both --listen 1 --connect 2 --policy good.json" \
	"--mode client --listen 1 --connect 2 --policy good.json --mutual" "--mode client --listen 1 --connect 2 --policy good.json --tls12" \
	"--mode client --listen 1 --connect 2 --policy good.json --processes 0" "--mode client --listen 1 --policy good.json" "--mode client --listen 1 --connect 2 --policy nothing.json"; do
	# shellcheck disable=SC2086 # words
	"$CLOISTER" tunnel $bad >out 2>&1
	expect "mistake: $bad" 2 $?
	expect "one line" 1 "$(wc -l <out)"
done

# Few descriptors: a warning that says what to do, and several processes that serve more together, all ended with the first.
plain8=$(free_port)
(
	ulimit -n 80
	exec "$CLOISTER" tunnel --mode client --listen "127.0.0.1:$plain8" --connect "127.0.0.1:$tls" --policy good.json --root "$root" \
		--connections 100 --processes 3 2>few.log
) &
few=$!
pids+=("$few")
wait_port "$plain8"
grep -q 'warning: at most 72 of 100 connections.*--processes 5' few.log || fail "no warning: $(cat few.log)"
children_of() { # PID COUNT
	for _ in $(seq 1 250); do
		[ "$(wc -w <"/proc/$1/task/$1/children")" = "$2" ] && break
		sleep 0.02
	done
	cat "/proc/$1/task/$1/children"
}
children=$(children_of "$few" 3)
expect "three processes" 3 "$(wc -w <<<"$children")"
expect "more than one process could" 48 "$(timeout 60 python3 -c '
import socket, sys
held = []
for i in range(48):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    held.append(s)
print(sum(b"200 OK" in s.recv(100) for s in held))' "$plain8")"
kill -TERM "$few"
wait "$few"
expect "all end" 0 "$?"
for child in $children; do [ ! -e "/proc/$child" ] || fail "process $child is left"; done
"$CLOISTER" tunnel --mode client --listen "127.0.0.1:$plain8" --connect "127.0.0.1:$tls" --policy good.json --root "$root" --processes 2 2>dead.log &
dead=$!
pids+=("$dead")
wait_port "$plain8"
read -r child other <<<"$(children_of "$dead" 2)"
kill -KILL "$child"
wait "$dead"
expect "one that dies ends all" 1 "$?"
[ ! -e "/proc/$other" ] || fail "process $other is left"
grep -q 'one of its processes failed' dead.log || fail "no message: $(cat dead.log)"

# Idle connections are cut, and the tunnel ends when it is told to, open connections or not.
plain7=$(free_port)
tunnel client7 --mode client --listen "127.0.0.1:$plain7" --connect "127.0.0.1:$tls" --policy good.json --root "$root" --idle 1
expect "idle" cut "$(timeout 10 python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
try: print("end" if not s.recv(1) else "data")
except ConnectionResetError: print("cut")' "$plain7")"
exec 5<>"/dev/tcp/127.0.0.1/$plain"
sleep 0.3
kill -INT "$server"
wait "$server"
expect "the server ends" 0 "$?"
kill -TERM "$client"
wait "$client"
expect "the client ends" 0 "$?"
exec 5>&-
