#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The commands around `run`: -d, ps, exec, kill, stop, logs, rm, doctor, help; terminals; how an enclave ends.
. "$(dirname "$0")/lib.sh"
cl() { "$CLOISTER" "$@"; }
name=t$$
cleanup() { "$CLOISTER" kill "$name" 2>/dev/null; "$CLOISTER" rm "$name" 2>/dev/null; }
trap cleanup EXIT
soon() { # WHAT COMMAND...: within 10 seconds
	local what=$1
	shift
	for _ in $(seq 1 500); do
		"$@" && echo "ok $what" && return 0
		sleep 0.02
	done
	fail "$what: not within 10 seconds"
}
launcher() { # NAME: its pid
	cl ps --json | python3 -c 'import json, sys
print(*[e["launcher"] for e in json.load(sys.stdin) if e["name"] == sys.argv[1]])' "$1"
}
ended() { cl ps -a | grep -q " $1 .*ended"; }
gone() { ! kill -0 "$1" 2>/dev/null; }

id=$(cl run -d --name "$name" -e FROM_RUN=yes -- sleep 1000) || fail "run -d: $id"
case $id in [0-9a-f]*) echo "ok run -d prints an id" ;; *) fail "run -d printed: $id" ;; esac
cl ps -q | grep -qx "$id" || fail "ps -q does not list $id"
cl ps | grep -q "$name.*sleep" || fail "ps: $(cl ps)"
soon "ps --host" eval "cl ps --host | grep -qE 'pid +[0-9]+ +host +[1-9][0-9]* .*sleep'"
cl ps --json --host | python3 -m json.tool >/dev/null || fail "ps --json is not JSON"
cl run --name "$name" true 2>/dev/null; expect "a name is used once" 125 $?

expect "exec" "yes more" "$(cl exec -e A=more "$name" sh -c 'echo $FROM_RUN $A')"
expect "exec by start of the id" "x" "$(cl exec "${id:0:8}" echo x)"
expect "exec's stdin" "abc" "$(echo abc | cl exec -i "$name" cat)"
expect "exec -w" "/usr" "$(cl exec -w /usr "$name" pwd)"
expect "exec -u" "7:8" "$(cl exec -u 7:8 "$name" sh -c 'echo $(id -u):$(id -g)')"
cl exec "$name" sh -c 'exit 6'; expect "exec's status" 6 $?
cl exec "$name" sh -c 'kill -9 $$'; expect "exec's death" 137 $?
cl exec "$name" /no/such 2>err; expect "exec of a missing program" 127 $?
expect "its message" "cloister: /no/such: no such file in the enclave" "$(cat err)"
cl exec nosuchenclave true 2>/dev/null; expect "exec in no enclave" 125 $?
expect "exec twenty times" 20 "$(for _ in $(seq 20); do cl exec "$name" echo x; done | grep -c x)"
for _ in $(seq 8); do cl exec "$name" sh -c 'sleep 0.2; echo x' & done >many
wait
expect "exec eight at once" 8 "$(grep -c x many)"
"$CLOISTER" exec "$name" sleep 500 & p=$!
soon "exec'd program is listed" eval "cl exec $name sh -c 'cat /proc/[0-9]*/cmdline' | tr '\\0' ' ' | grep -q 'sleep 500'"
kill -TERM $p; wait $p; expect "signals of exec" 143 $?
cl kill -s 0 "$name"; expect "kill -s 0" 0 $?
cl kill -s NOSUCH "$name" 2>/dev/null; expect "kill: unknown signal" 2 $?
cl kill "$name" 99999 2>/dev/null; expect "kill: no such process" 1 $?
cl rm "$name" 2>/dev/null; expect "rm of a running one" 1 $?
cl stop "$name"; expect "stop" 0 $?
soon "ps -a shows the end" ended "$name"
cl rm "$name"; expect "rm" 0 $?
cl ps -a | grep -q "$name" && fail "rm left it"

cl run -d --name "$name" -- sh -c 'echo out; echo err >&2; exit 3' >/dev/null
soon "a short one ends" ended "$name"
expect "logs" "out err" "$(cl logs "$name" | tr '\n' ' ' | sed 's/ $//')"
cl ps -a | grep -q "$name.*ended (3)" || fail "ps -a: $(cl ps -a)"
cl rm "$name"
cl run -d -- /no/such 2>err; expect "run -d of a missing program" 127 $?
expect "its message" "cloister: /no/such: no such file in the enclave" "$(cat err)"

# a host process killed from outside ends all, with a reason
"$CLOISTER" run --name "$name" -- sleep 1000 2>err & p=$!
soon "it runs" eval "cl exec $name true 2>/dev/null"
soon "it has its name" eval "cl ps --host | sed -n '/$name/,\$p' | grep -q 'pid.*sleep'"
host=$(cl ps --host | sed -n "/$name/,\$s/.*host \([1-9][0-9]*\).*sleep/\1/p" | head -n 1)
kill -KILL "$host"; wait $p; expect "host process killed" 125 $?
grep -q '^cloister: the enclave stopped: host process' err || fail "no reason: $(cat err)"
# the launcher killed: nothing stays
"$CLOISTER" run --name "$name" -- sh -c 'sleep 1000 & wait' & p=$!
soon "it runs" eval "cl exec $name true 2>/dev/null"
hosts=$(cl ps --host | sed -n "/$name/,\$s/.*host \([1-9][0-9]*\).*/\1/p")
[ "$(launcher "$name")" = $p ] || fail "launcher: $(launcher "$name") is not $p"
kill -KILL $p; wait $p 2>/dev/null
for host in $hosts; do soon "host process $host is gone" gone "$host"; done
cl ps | grep -q "$name" && fail "a killed launcher is still listed"
# children we had before exec are none of the enclave's business
expect "foreign children" "2 ok" "$(bash -c 'sh -c "sleep 0.1; exit 5" & exec "$0" run -- sh -c "sleep 0.4; echo 2 ok"' "$CLOISTER")"

cl doctor >out; expect "doctor" 0 $?
grep -q '^platform process *usable' out || fail "doctor: $(cat out)"
cl doctor --json | python3 -m json.tool >/dev/null || fail "doctor --json is not JSON"
cl help >/dev/null; expect "help" 0 $?
cl help run | grep -q -- --volume || fail "help run"
cl run --help | grep -q -- --volume || fail "run --help"
cl nosuchcommand 2>err; expect "unknown command" 2 $?
expect "in one line" 1 "$(wc -l <err)"
cl ps --nosuch 2>/dev/null; expect "unknown option" 2 $?
cl run -t true </dev/null 2>err; expect "-t without a terminal" 125 $?
grep -q 'not a terminal' err || fail "-t: $(cat err)"

python3 - "$CLOISTER" "$name" <<'P' || fail "terminals"
import fcntl, os, pty, re, select, struct, subprocess, sys, termios, time
cloister, name = sys.argv[1:]

class Terminal:
    def __init__(self, args):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ["TERM"] = "dumb"
            os.execv(args[0], args)
    def until(self, pattern, seconds=20):
        seen, end = b"", time.time() + seconds
        while time.time() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    data = b""
                if not data:
                    break
                seen += data
                if re.search(pattern, seen):
                    return seen
        sys.exit(f"FAIL no {pattern} in {seen}")
    def type(self, text, pattern):
        os.write(self.fd, text)
        return self.until(pattern)
    def size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    def end(self):
        while True:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

def session(args, what):
    t = Terminal(args)
    t.type(b"", rb"[#$] $")
    t.type(b"PS1='P''> '; bind 'set enable-bracketed-paste off'; tty\n", rb"/dev/pts/\d+\r\nP> $")
    t.size(41, 77)
    t.type(b"while [ \"$(stty size)\" != '41 77' ]; do sleep 0.05; done; echo res''ized\n", rb"resized\r\nP> $")
    # what prints is in the foreground already, so that the keys are for it
    t.type(b"sh -c 'echo sta\"\"rted; exec sleep 100'\n", rb"started\r\n")
    t.type(b"\x03", rb"P> $")
    t.type(b"echo status=$?\n", rb"status=130\r\nP> $")
    t.type(b"sh -c 'echo sta\"\"rted; exec cat'\n", rb"started\r\n")
    t.type(b"\x1a", rb"Stopped(?s:.*)P> $")
    # the first may be refused, as there are stopped jobs; the second is not
    os.write(t.fd, b"kill -KILL %1; exit 3\nexit 3\n")
    status = t.end()
    if status != 3:
        sys.exit(f"FAIL {what}: status {status}")
    print("ok", what)

session([cloister, "run", "-it", "bash", "--norc"], "run -it bash: size, Ctrl-C, Ctrl-Z")
subprocess.run([cloister, "run", "-d", "--name", name, "sleep", "1000"], check=True, stdout=subprocess.DEVNULL)
session([cloister, "exec", "-it", name, "bash", "--norc"], "exec -it bash: size, Ctrl-C, Ctrl-Z")
subprocess.run([cloister, "kill", name], check=True)

# a shell's job without -t: stops and goes on as a whole; Ctrl-C ends it; the terminal is as before afterwards
t = Terminal(["/bin/bash", "--norc", "-i"])
t.type(b"PS1='P''> '; bind 'set enable-bracketed-paste off'; echo rea''dy\n", rb"ready\r\nP> $")
t.type(cloister.encode() + b" run sh -c 'while sleep 0.1; do echo tick; done'\n", rb"tick\r\ntick")
t.type(b"\x1a", rb"Stopped(?s:.*)P> $")
if select.select([t.fd], [], [], 0.5)[0]:
    sys.exit(f"FAIL runs on after Ctrl-Z: {os.read(t.fd, 1000)}")
t.type(b"fg\n", rb"tick\r\ntick")
t.type(b"\x03", rb"P> $")
t.type(b"echo status=$?\n", rb"status=130\r\nP> $")
t.type(cloister.encode() + b" run -t sh -c 'kill -9 $$'; stty -a | grep -c ' icanon'\n", rb"\r\n1\r\nP> $")
os.write(t.fd, b"exit\n")
t.end()
print("ok Ctrl-Z, fg, Ctrl-C without -t; the terminal is restored")
P

# Attesters are named alike wherever one is asked for; what is missing is told as such (2), not as work that failed (1).
if "$CLOISTER" evidence --help >/dev/null 2>&1; then
	m=$(printf 'aa%.0s' {1..32})
	"$CLOISTER" evidence --attester "sim:folder=$PWD/sim,measurement=$m" --report-data 00 -o one
	expect "settings behind the attester's name" 0 $?
	"$CLOISTER" evidence --attester sim --settings "folder=$PWD/sim,measurement=$m" --report-data 00 -o two
	expect "settings of their own" 0 $?
	expect "the same evidence" "$("$CLOISTER" dump one | grep measurement)" "$("$CLOISTER" dump two | grep measurement)"
	"$CLOISTER" evidence --attester "sim:folder=$PWD/sim" --settings "measurement=$m" --report-data 00 -o one 2>out
	expect "both" 2 $?
	for wrong in token quote sign "target-info x" nothing; do
		# shellcheck disable=SC2086 # words
		"$CLOISTER" sgx $wrong 2>out
		expect "sgx $wrong" 2 $?
		expect "one line" 1 "$(wc -l <out)"
	done
	"$CLOISTER" dump two >/dev/full 2>out
	expect "a full disk" 2 $?
fi
