#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Interpreters and compilers that have no test of their own: threads, children, sockets where they have such. What is not
# installed is left out.
. "$(dirname "$0")/lib.sh"
tried=0
# try WHAT PROGRAM EXPECTED ARGUMENT...
try() {
	local what=$1 program=$2 expected=$3
	shift 3
	command -v "$program" >/dev/null || return 0
	tried=$((tried + 1))
	expect "$what" "$expected" "$(enclave -e HOME=/tmp -v "$PWD:/mnt:ro" -- "$program" "$@" 2>&1)"
}
cat >a.rb <<'EOF'
require "socket"
p 4.times.map { |i| Thread.new { i * i } }.map(&:value)
p `echo child`
r, w = IO.pipe
if fork
  w.close
  p r.read
  Process.wait
  p $?.exitstatus
else
  w.write "x"
  exit!(4)
end
s = TCPServer.new("127.0.0.1", 0)
Thread.new { c = s.accept; c.puts "hi"; c.close }
p TCPSocket.new("127.0.0.1", s.addr[1]).read
EOF
try ruby ruby '[0, 1, 4, 9]
"child\n"
"x"
4
"hi\n"' /mnt/a.rb
try php php 'abc
0' -r '$p=proc_open("cat",[["pipe","r"],["pipe","w"]],$q);fwrite($q[0],"abc");fclose($q[0]);echo stream_get_contents($q[1]),"\n";echo proc_close($p),"\n";'
try lua lua5.4 'child
1000000' -e 'io.write(io.popen("echo child"):read("a")) local t={} for i=1,1e6 do t[i]=i end print(#t)'
cat >a.tcl <<'EOF'
puts [exec echo child]
set s [socket -server {apply {{c a p} {puts $c hello; close $c}}} -myaddr 127.0.0.1 0]
set c [socket 127.0.0.1 [lindex [fconfigure $s -sockname] 2]]
fileevent $c readable {puts [gets $c]; exit 0}
vwait forever
EOF
try tcl tclsh 'child
hello' /mnt/a.tcl
try guile guile '(1 4 9 16)' --no-auto-compile -c '(use-modules (ice-9 threads)) (display (par-map (lambda (x) (* x x)) (list 1 2 3 4)))'
try erlang erl '500500
{ok,"yo"}' -noshell -eval 'P=self(),[spawn(fun()->P!I end)||I<-lists:seq(1,1000)],io:format("~p~n",[lists:sum([receive X->X end||_<-lists:seq(1,1000)])]),{ok,L}=gen_tcp:listen(0,[{active,false}]),{ok,N}=inet:port(L),spawn(fun()->{ok,C}=gen_tcp:connect("127.0.0.1",N,[]),gen_tcp:send(C,"yo")end),{ok,A}=gen_tcp:accept(L),io:format("~p~n",[gen_tcp:recv(A,2)]),halt(0).'
try R Rscript '[1] "child"
[1]  1  4  9 16' -e 'print(system("echo child",intern=TRUE));library(parallel);print(unlist(mclapply(1:4,function(i)i^2,mc.cores=2)))'
try emacs emacs child --batch --no-site-file --eval '(princ (string-trim (shell-command-to-string "echo child")))'
cat >a.hs <<'EOF'
import Control.Concurrent
main :: IO ()
main = do
  v <- newEmptyMVar
  mapM_ (\i -> forkIO (putMVar v i)) [1 .. 1000 :: Int]
  s <- mapM (const (takeMVar v)) [1 .. 1000 :: Int]
  print (sum s)
EOF
try "Haskell" ghc 500500 -v0 -threaded -outputdir /tmp/o -o /tmp/a /mnt/a.hs -e main
[ $tried -gt 0 ] || skip "none of them is installed"
