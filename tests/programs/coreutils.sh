#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# coreutils over the overlay root and tmpfs.
. "$(dirname "$0")/lib.sh"
same "ls" ls -la /etc/apt
same "stat" stat -c '%n %s %a %u %g %F' /etc/passwd /bin /dev/null
same "sort big" bash -c 'seq 100000 | shuf --random-source=/bin/bash | sort -n | md5sum'
same "cp mv ln rm" bash -c 'd=$(mktemp -d); cd $d; cp -a /etc/apt x; mv x y; ln -s y z; ln y/sources.list h 2>/dev/null; ls -R z/ | sort | head -n 5; rm -rf $d; ls -d $d 2>&1 | wc -l'
same "chmod touch date" bash -c 'd=$(mktemp -d); cd $d; touch -d 2020-01-02T03:04:05Z f; chmod 640 f; stat -c "%a %Y" f; date -u -r f; rm -r $d'
same "dd and truncate" bash -c 'd=$(mktemp -d); cd $d; dd if=/dev/zero of=f bs=64k count=16 2>/dev/null; truncate -s 2M f; stat -c %s f; sha256sum f; rm -r $d'
same "wc cut paste tr join" bash -c 'printf "a:1\nb:2\n" | cut -d: -f2 | paste -s -d+ | tr + -; wc -c </etc/passwd'
same "df and du" bash -c 'd=$(mktemp -d); cd $d; head -c 100000 /dev/zero >f; du -b f; rm -r $d; df /tmp >/dev/null; echo $?'
same "timeout" bash -c 'timeout 0.2 sleep 10; echo $?'
same "env and nice" bash -c 'env -i A=1 printenv; echo $(($(nice -n 5 nice) - $(nice)))'
same "mkfifo" bash -c 'd=$(mktemp -d); cd $d; mkfifo p; echo through >p & cat p; rm -r $d'
same "realpath readlink" bash -c 'realpath /bin/../usr/./bin/env; readlink /bin || true'
same "id" bash -c 'id -u; id -gn'
same "split and cat" bash -c 'd=$(mktemp -d); cd $d; seq 1000 | split -l 100; ls | wc -l; cat x* | md5sum; rm -r $d'
same "tee tail -f" bash -c 'd=$(mktemp -d); cd $d; (echo a; sleep 0.1; echo b) >>f & tail -n +1 --pid=$! -s 0.05 -f f; rm -r $d'
