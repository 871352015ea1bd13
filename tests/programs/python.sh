#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# python3: subprocess, threads, sockets, asyncio, multiprocessing with fork.
. "$(dirname "$0")/lib.sh"
same "subprocess" python3 -c '
import subprocess
print(subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True))
print(subprocess.check_output("seq 3 | tac", shell=True))
try:
    subprocess.run(["/no/such/program"])
except FileNotFoundError as e:
    print(e)
'
same "threads" python3 -c '
import threading, queue
q = queue.Queue(); r = []
def work():
    while (x := q.get()) is not None:
        r.append(x * x)
ts = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in ts]
[q.put(i) for i in range(1000)]
[q.put(None) for _ in ts]
[t.join() for t in ts]
print(sum(r), len(r))
'
same "sockets" python3 -c '
import socket, threading
s = socket.create_server(("127.0.0.1", 0)); port = s.getsockname()[1]
def serve():
    c, _ = s.accept()
    while (d := c.recv(65536)):
        c.sendall(d)
    c.close()
t = threading.Thread(target=serve); t.start()
c = socket.create_connection(("127.0.0.1", port))
data = bytes(range(256)) * 1000
threading.Thread(target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR))).start()
got = b""
while (d := c.recv(65536)):
    got += d
t.join(); print(got == data, len(got))
'
same "asyncio" python3 -c '
import asyncio
async def serve(r, w):
    w.write((await r.readline()).upper()); await w.drain(); w.close()
async def main():
    s = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = s.sockets[0].getsockname()[1]
    async def ask(i):
        r, w = await asyncio.open_connection("127.0.0.1", port)
        w.write(b"hello %d\n" % i); out = await r.read(); w.close(); return out
    print(await asyncio.gather(*(ask(i) for i in range(20))))
    p = await asyncio.create_subprocess_exec("echo", "sub", stdout=asyncio.subprocess.PIPE)
    print(await p.communicate())
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.05)
    except asyncio.TimeoutError:
        print("timeout")
asyncio.run(main())
'
same "multiprocessing" python3 -c '
import multiprocessing as mp
def f(x): return x * x
if __name__ == "__main__":
    mp.set_start_method("fork")
    with mp.Pool(4) as p:
        print(p.map(f, range(50)))
    v = mp.Value("i", 0); l = mp.Lock(); q = mp.Queue()
    def g():
        for _ in range(100):
            with l: v.value += 1
        q.put("done")
    ps = [mp.Process(target=g) for _ in range(4)]
    [p.start() for p in ps]; print([q.get() for _ in ps]); [p.join() for p in ps]
    print(v.value)
'
same "files mmap tempfile" python3 -c '
import mmap, os, tempfile, shutil
d = tempfile.mkdtemp(); p = os.path.join(d, "f")
with open(p, "wb") as f: f.write(b"a" * 10000)
with open(p, "r+b") as f:
    m = mmap.mmap(f.fileno(), 0); m[5:8] = b"xyz"; m.flush(); m.close()
print(open(p, "rb").read(12)); os.symlink("f", p + "l"); print(os.readlink(p + "l"), sorted(os.listdir(d)))
shutil.rmtree(d); print(os.path.exists(d))
'
same "signals" python3 -c '
import signal, os, time
signal.signal(signal.SIGUSR1, lambda s, f: print("usr1"))
os.kill(os.getpid(), signal.SIGUSR1)
signal.setitimer(signal.ITIMER_REAL, 0.05); signal.signal(signal.SIGALRM, lambda s, f: print("alrm"))
signal.pause()
'
same "select, poll, epoll, eventfd" python3 -c '
import os, select
r, w = os.pipe(); e = select.epoll(); e.register(r, select.EPOLLIN)
print(e.poll(0)); os.write(w, b"x"); print([x[1] for x in e.poll(1)], len(select.select([r], [], [], 1)[0]))
p = select.poll(); p.register(w, select.POLLOUT); print([x[1] for x in p.poll(1)])
'
same "json, hashlib, zlib, sqlite3, ctypes" python3 -c '
import json, hashlib, zlib, sqlite3, ctypes
print(json.dumps({"a": [1, 2]}), hashlib.sha256(b"x").hexdigest()[:8], len(zlib.compress(b"a" * 1000)))
c = sqlite3.connect(":memory:"); print(c.execute("select sqlite_version() > 3").fetchone())
print(ctypes.CDLL(None).abs(-5))
'
