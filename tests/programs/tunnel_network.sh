#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tunnel over a bad network: two network namespaces whose link has small packets, loses and delays them (netem, where the kernel has it) and goes
# away now and then; readers that do not read (memory stays bounded, and others are served), connections that are reset.
. "$(dirname "$0")/lib.sh"
need python3 ip unshare nsenter
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
unshare -n true 2>/dev/null || skip "no network namespaces here"
good=$(printf 'aa%.0s' {1..32})
echo "{\"version\": 1, \"name\": \"t\", \"types\": [\"sim\"], \"allow\": [\"simulated\", \"custom-root\"], \"require\": [{\"claim\": \"sim.measurement\", \"equals\": \"$good\"}]}" >policy.json
pids=()
trap 'kill "${pids[@]}" 2>/dev/null' EXIT
namespace() { # NAME: a process that keeps it
	unshare -n sleep 600 >/dev/null 2>&1 &
	pids+=($!)
	eval "$1=$!"
	for _ in $(seq 1 250); do
		[ "$(readlink "/proc/$!/ns/net")" != "$(readlink /proc/self/ns/net)" ] && break
		sleep 0.02
	done
	nsenter -t $! -n ip link set lo up || fail "no loopback in a namespace"
}
near='' far=''
namespace near
namespace far
at() { nsenter -t "$1" -n "${@:2}"; }
ip link add "near$$" type veth peer name "far$$" 2>/dev/null || skip "no veth links here"
for side in near far; do
	ip link set "$side$$" netns "${!side}" && at "${!side}" ip link set "$side$$" name path
	at "${!side}" ip address add "10.77.0.$([ $side = near ] && echo 1 || echo 2)/24" dev path
	at "${!side}" ip link set dev path mtu 600 up
	at "${!side}" tc qdisc add dev path root netem delay 5ms 5ms loss 3% duplicate 1% 2>/dev/null || echo "ok (no netem for $side)"
done

# The service: "sum N": N bytes follow, their digest comes back; "give N": N bytes and their digest; "hold": reads no more.
cat >service.py <<'E2'
import hashlib, socket, socketserver, sys
class Service(socketserver.StreamRequestHandler):
    def handle(self):
        words = self.rfile.readline().split()
        h = hashlib.sha256()
        if not words: return
        if words[0] == b"sum":
            left = int(words[1])
            while left:
                d = self.rfile.read(min(left, 65536)); h.update(d); left -= len(d)
                if not d: print("ended", flush=True); return
            self.wfile.write(h.hexdigest().encode())
        elif words[0] == b"give":
            left = int(words[1])
            while left:
                d = (b"%d," % left) * 2000; d = d[:left]; h.update(d); self.wfile.write(d); left -= len(d)
            self.wfile.write(h.hexdigest().encode())
        elif words[0] == b"until":
            try:
                while self.request.recv(65536): pass
                print("end", flush=True)
            except ConnectionResetError: print("reset", flush=True)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 128
Server(("127.0.0.1", 7000), Service).serve_forever()
E2
cat >client.py <<'E2'
import hashlib, os, socket, struct, sys, time
def connect():
    s = socket.create_connection(("127.0.0.1", 7001), 30); s.settimeout(90); return s
def read_all(s, n, h=None):
    h = h or hashlib.sha256(); tail = b""
    while n:
        d = s.recv(min(n, 65536))
        if not d: raise SystemExit("cut off with %d bytes to come" % n)
        h.update(d); n -= len(d)
    while len(tail) < 64:
        d = s.recv(64 - len(tail))
        if not d: raise SystemExit("no digest")
        tail += d
    return "same" if tail.decode() == h.hexdigest() else "different"
what, n = sys.argv[1], int(sys.argv[2])
s = connect()
if what == "up":
    data = os.urandom(n); s.sendall(b"sum %d\n" % n + data)
    h = b""
    while len(h) < 64: h += s.recv(64)
    print("same" if h.decode() == hashlib.sha256(data).hexdigest() else "different")
elif what == "down":
    s.sendall(b"give %d\n" % n); print(read_all(s, n))
elif what == "reset":
    s.sendall(b"until\n" + bytes(n)); time.sleep(0.5)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); s.close()
elif what == "steps":   # reads a quarter, and goes on when told to
    s.sendall(b"give %d\n" % n); h = hashlib.sha256(); at = 0
    for step in 1, 2, 3:
        while at < n * step // 4:
            d = s.recv(65536); h.update(d); at += len(d)
        print("at", step, flush=True); sys.stdin.readline()
    print(read_all(s, n - at, h))
elif what == "hold":    # asks for much, reads nothing, until told to
    s.sendall(b"give %d\n" % n); print("holding", flush=True); sys.stdin.readline(); print(read_all(s, n))
E2
nsenter -t "$far" -n python3 service.py >service.out 2>&1 &
pids+=($!)
nsenter -t "$far" -n "$CLOISTER" tunnel -v --mode server --listen 10.77.0.2:7443 --connect 127.0.0.1:7000 --attester "sim:folder=$PWD/sim,measurement=$good" 2>server.log &
pids+=($!)
wait_line() { # FILE PATTERN
	for _ in $(seq 1 1000); do
		grep -q -e "$2" "$1" && return
		sleep 0.05
	done
	fail "$1 does not say $2: $(cat "$1")"
}
wait_line server.log ' on '
nsenter -t "$near" -n "$CLOISTER" tunnel -v --mode client --listen 127.0.0.1:7001 --connect 10.77.0.2:7443 --policy policy.json --root "sim=$PWD/sim/sim-key.pub.pem" --idle 5 2>client.log &
tunnel=$!
pids+=("$tunnel")
wait_line client.log ' on '
client() { timeout 100 nsenter -t "$near" -n python3 client.py "$@"; }
expect "down" same "$(client down 1500000)"
expect "up" same "$(client up 1500000)"

# The link goes away and comes back while bytes are on it.
mkfifo on
exec 7<>on
timeout 100 nsenter -t "$near" -n python3 client.py steps 12000000 <on >flapped &
flapping=$!
for i in 1 2 3; do
	wait_line flapped "at $i"
	at "$far" ip link set dev path down
	echo >&7
	sleep 0.3 # that long it is away: nothing to wait for
	at "$far" ip link set dev path up
done
wait $flapping
expect "a link that goes away three times" same "$(tail -n 1 flapped)"
exec 7>&-

# Who does not read holds up only itself, and a bounded number of bytes.
rss() { awk '/^VmRSS/ {print $2}' "/proc/$tunnel/status"; }
before=$(rss)
mkfifo go
exec 6<>go
for i in 1 2 3 4 5 6 7 8; do
	timeout 100 nsenter -t "$near" -n python3 client.py hold 30000000 <go >"hold$i" 2>&1 &
	holders+=($!)
done
for i in 1 2 3 4 5 6 7 8; do wait_line "hold$i" holding; done
expect "others are served meanwhile" same "$(client down 1000000)"
after=$(rss)
[ $((after - before)) -lt 8192 ] || fail "8 readers that do not read: $before KiB, then $after KiB"
echo "ok 8 readers that do not read ($before KiB, then $after KiB)"
kill "${holders[@]}"
wait "${holders[@]}" 2>/dev/null
exec 6>&-

# A reset is a reset on the other side, and not an end.
client reset 100000
wait_line service.out '^reset'
! grep -q '^end' service.out || fail "a reset was made an end: $(cat service.out)"
wait_line server.log 'cut after'
# The peer is gone for good: idle connections are cut.
at "$near" python3 -c '
import socket
s = socket.create_connection(("127.0.0.1", 7001)); s.sendall(b"until\n"); s.settimeout(60)
try: print("end" if not s.recv(1) else "data")
except ConnectionResetError: print("cut")' >gone &
gone=$!
for _ in $(seq 1 500); do
	[ "$(grep -c 'attested, open' client.log)" -gt "$(grep -c -e 'closed,' -e 'cut after' client.log)" ] && break
	sleep 0.02
done
at "$far" ip link set dev path down
wait $gone
expect "a peer that is gone" cut "$(cat gone)"
wait_line client.log 'idle for 5 s'
