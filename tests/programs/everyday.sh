#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What people run all day: package tools, ps, archives, editors, interpreters, compilers. Each gives the same as natively.
. "$(dirname "$0")/lib.sh"
# try WHAT PROGRAM SCRIPT: the same output of the shell script natively and in an enclave, if the program is installed
try() {
	command -v "$2" >/dev/null || {
		echo "-- $2 is not installed"
		return 0
	}
	same "$1" bash -c "$3"
}
try "ldd" ldd 'ldd /bin/bash | sed "s/(0x.*//"'
try "dpkg" dpkg 'dpkg -l bash | tail -n 1; dpkg -L bash | head; dpkg -S /bin/bash'
try "apt" apt-get 'apt-get --version | head -n 3'
try "apropos and man" apropos 'apropos printf | head -n 3; man -P cat ls | head -n 5'
try "ps" ps 'ps -o comm= -p $$; sleep 0 & wait; ps -o stat= -p $$ | cut -c1'
try "top" top 'TERM=dumb top -b -n 1 | grep -c "^MiB Mem"'
try "free" free 'free -m | cut -c1-10'
try "df" df 'df /tmp | head -n 1 | cut -c1-10'
try "pgrep" pgrep 'sleep 77 & until pgrep -f "^sleep 7[7]" >/dev/null; do sleep 0.01; done; echo found; pkill -P $$ sleep; wait; echo killed'
try "ip" ip 'ip -o addr show lo; ip route | wc -l'
try "getent" getent 'getent hosts localhost; getent passwd root; getent services http'
try "su" su 'su nobody -s /bin/sh -c "id -un; umask" 2>&1'
try "chroot" chroot 'chroot / /bin/echo in chroot 2>&1'
try "ssh-keygen" ssh-keygen 'd=$(mktemp -d); ssh-keygen -q -t ed25519 -N "" -f $d/k && ls $d; rm -r $d'
try "tar of many files" tar 'd=$(mktemp -d); tar cf $d/x -C /usr/share doc/bash doc/tar 2>/dev/null; mkdir $d/y; tar xf $d/x -C $d/y; tar tf $d/x; diff -r /usr/share/doc/bash $d/y/doc/bash && rm -r $d'
try "copying a tree" cp 'd=$(mktemp -d); cp -a /etc/default $d/e 2>/dev/null; diff -r /etc/default $d/e; rm -r $d'
try "2000 files in a folder" find 'd=$(mktemp -d); cd $d; seq 2000 | xargs touch; find . | wc -l; ls | tail -n 1; cd /; rm -r $d; ls $d 2>/dev/null | wc -l'
try "find" find 'find /usr/share/doc -xdev 2>/dev/null | wc -l'
try "compressors" xz 'gzip -c /bin/bash | gzip -d | cmp - /bin/bash; xz -0 -T2 -c /bin/bash | xz -d | cmp - /bin/bash; bzip2 -c /etc/passwd | bzip2 -d | cmp - /etc/passwd && echo ok'
try "sort in parallel" sort 'seq 40000 | sort -R --random-source=/bin/bash | sort -S 1M --parallel=4 -n | md5sum'
try "pipes of megabytes" head 'head -c 20M /dev/zero | tr "\0" x | wc -c'
try "xargs in parallel" xargs 'seq 200 | xargs -P 8 -n 1 sh -c "exit 0" && echo ok'
try "timeout" timeout 'timeout 0.2 sleep 5; echo $?'
try "flock" flock 'f=$(mktemp); flock $f echo locked; (flock 9; flock -n $f true || echo taken) 9>$f; rm $f'
try "setsid, nohup, nice, chrt, taskset" taskset 'setsid -w echo x; nohup echo y 2>/dev/null; echo $(($(nice -n 5 nice) - $(nice))); chrt -p $$ | sed "s/pid [0-9]*//"; taskset -p $$ | sed "s/pid [0-9]*//"'
try "script gives a terminal" script 'script -qc "tty | cut -c1-8; stty size" /dev/null'
try "vi" vi 'f=$(mktemp); printf "a\nb\n" >$f; vi -es -c "%s/a/x/" -c wq $f; cat $f; rm $f'
try "vim in a terminal" vim 'TERM=xterm script -qc "vim -u NONE -c q" /dev/null | wc -c'
try "tmux" tmux 'd=$(mktemp -d); export TMUX_TMPDIR=$d; tmux new -d "sleep 5" && tmux ls | cut -c1-10; tmux kill-server; rm -r $d'
try "jq" jq 'jq -c .a <<<"{\"a\":[1,2]}"'
try "wget from busybox httpd" busybox 'd=$(mktemp -d); echo page >$d/index.html; p=$((20000 + RANDOM % 10000)); busybox httpd -f -p 127.0.0.1:$p -h $d & for i in $(seq 200); do curl -sf http://127.0.0.1:$p/ && break; sleep 0.02; done; kill %1; rm -r $d'
try "perl threads and sockets" perl 'perl -Mthreads -e "print threads->create(sub{42})->join" 2>&1; perl -MSocket -e "socketpair(A,B,AF_UNIX,SOCK_STREAM,0);syswrite A,q(x);sysread B,\$c,1;print \$c"'
try "python http.server" python3 'd=$(mktemp -d); cd $d; echo page >f; p=$((20000 + RANDOM % 10000)); python3 -m http.server -b 127.0.0.1 $p >/dev/null 2>&1 & for i in $(seq 300); do curl -sf http://127.0.0.1:$p/f && break; sleep 0.02; done; kill %1; rm -r $d'
try "python multiprocessing" python3 'python3 -c "import multiprocessing as m;p=m.Pool(3);print(sum(p.map(abs,range(-100,0))))"'
try "python asyncio and executors" python3 'python3 -c "import asyncio,concurrent.futures as c;print(asyncio.run(asyncio.sleep(0.01,5)),sum(c.ThreadPoolExecutor(8).map(abs,range(1000))))"'
try "python venv" python3 'd=$(mktemp -d); python3 -m venv --without-pip $d/v && $d/v/bin/python -c "import sys;print(sys.prefix!=sys.base_prefix)"; rm -r $d'
try "node" node 'node -e "const fs=require(\"fs\");fs.readFile(\"/etc/passwd\",(e,d)=>{console.log(d.length);setTimeout(()=>console.log(require(\"child_process\").execSync(\"echo hi\").toString()),1)})"'
try "node http and workers" node 'node -e "const h=require(\"http\");const s=h.createServer((q,r)=>r.end(\"ok\")).listen(0,()=>h.get({port:s.address().port},r=>r.on(\"data\",d=>{console.log(\"\"+d);s.close();new (require(\"worker_threads\").Worker)(\"console.log(7)\",{eval:true})})))"'
try "java" java 'java -version 2>&1'
try "rustc" rustc 'd=$(mktemp -d); cd $d; echo "fn main(){println!(\"{}\", std::thread::spawn(||41+1).join().unwrap())}" >m.rs; rustc m.rs 2>&1 && ./m; rm -r $d'
try "c++ with threads and exceptions" g++ 'd=$(mktemp -d); cd $d; printf "#include <thread>\n#include <cstdio>\nint main(){std::thread t([]{puts(\"t\");});t.join();try{throw 3;}catch(int x){printf(\"%%d\",x);}}" >a.cc; g++ -O1 -pthread -o a a.cc && ./a; rm -r $d'
try "objdump, strip" objdump 'd=$(mktemp -d); objdump -d /bin/true | tail -n 1; strip -o $d/ls /bin/ls && $d/ls -d /; rm -r $d'
try "sqlite in WAL mode" sqlite3 'd=$(mktemp -d); sqlite3 $d/w "pragma journal_mode=wal; create table t(a); with recursive c(x) as (select 1 union all select x+1 from c where x<20000) insert into t select x from c; select sum(a) from t; pragma integrity_check"; rm -r $d'
try "git gc, fsck, clone" git 'd=$(mktemp -d); cd $d; git init -q a; cd a; seq 1000 >f; git add f; git -c user.name=a -c user.email=b commit -qm x; git gc -q; git fsck 2>&1; cd ..; git clone -q a b && git -C b grep -c 77; rm -rf $d'
