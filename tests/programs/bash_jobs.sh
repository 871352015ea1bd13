#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Job control of an interactive bash on a terminal of the enclave: ^Z, jobs, fg, bg, ^C.
. "$(dirname "$0")/lib.sh"
cat >jobs.py <<'P'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ["PS1"] = "PROMPT> "
    os.environ["TERM"] = "dumb"
    os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "-i"])
seen = b""
def until(text, seconds=20):
    global seen
    end = time.time() + seconds
    while text not in seen:
        r, _, _ = select.select([fd], [], [], max(0, end - time.time()))
        if not r:
            sys.exit("no %r in %r" % (text, seen))
        try:
            seen += os.read(fd, 4096)
        except OSError:
            break
    seen = seen[seen.find(text) + len(text):] if text in seen else sys.exit("end before %r: %r" % (text, seen))
def say(text):
    os.write(fd, text)
until(b"PROMPT> ")
say(b"cat\n"); until(b"cat"); time.sleep(0.2)
say(b"hello\n"); until(b"hello\r\nhello")
say(b"\x1a"); until(b"Stopped"); until(b"PROMPT> ")
say(b"jobs\n"); until(b"Stopped"); until(b"PROMPT> ")
say(b"fg\n"); until(b"cat"); say(b"again\n"); until(b"again\r\nagain")
say(b"\x03"); until(b"PROMPT> ")
say(b"echo status=$?\n"); until(b"status=130"); until(b"PROMPT> ")
say(b"sleep 100 &\n"); until(b"PROMPT> ")
say(b"kill %1; wait %1; echo waited=$?\n"); until(b"waited=143"); until(b"PROMPT> ")
say(b"sleep 50\n"); time.sleep(0.2); say(b"\x1a"); until(b"Stopped"); until(b"PROMPT> ")
say(b"bg; kill %1; wait\n"); until(b"PROMPT> ")
say(b"stty size; tty\n"); until(b"/dev/pts/"); until(b"PROMPT> ")
say(b"exit 9\n")
_, status = os.waitpid(pid, 0)
print("exit", os.WEXITSTATUS(status))
P
native=$(python3 jobs.py) || fail "natively: $native"
expect "natively" "exit 9" "$native"
out=$(enclave -v "$PWD:/work" -w /work -- python3 jobs.py 2>&1)
expect "in the enclave" "exit 9" "$out"
