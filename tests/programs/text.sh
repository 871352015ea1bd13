#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# grep, sed, awk, find, tar, gzip, xz.
. "$(dirname "$0")/lib.sh"
same "grep" grep -c root /etc/passwd
same "grep -r" bash -c 'grep -rl Debian /etc/apt /etc/issue | sort'
same "sed" sed -n '1,3s/:/-/gp' /etc/passwd
same "sed -i" bash -c 'd=$(mktemp -d); cd $d; cp /etc/passwd p; sed -i s/root/toor/ p; head -n 1 p; rm -r $d'
same "awk" awk -F: '{ n[$7]++ } END { for (s in n) print s, n[s] | "sort" }' /etc/passwd
same "find" bash -c 'find /usr/share/doc/bash -type f -size +1k | sort'
same "find -exec and xargs" bash -c 'find /etc/apt -type f -exec basename {} \; | sort; find /etc/apt -type f -print0 | sort -z | xargs -0 -n 1 stat -c %s'
same "tar gzip" bash -c 'tar -C /usr/share/doc -cf - bash | gzip -9 | gunzip | tar -tf - | sort | md5sum'
same "tar x keeps times" bash -c 'd=$(mktemp -d); cd $d; tar -C /usr/share -cf a.tar doc/bash; tar xf a.tar; find doc -type f | sort | xargs stat -c "%Y %a"; rm -r $d'
same "xz" bash -c 'seq 20000 | xz -T2 | xz -d | md5sum'
same "gzip file" bash -c 'd=$(mktemp -d); cd $d; seq 100 >f; gzip f; ls; zcat f.gz | tail -n 1; rm -r $d'
same "diff and cmp" bash -c 'diff /etc/passwd /etc/group >/dev/null; echo $?; cmp /bin/ls /bin/ls; echo $?'
