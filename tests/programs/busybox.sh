#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian's static busybox: applets that fork, exec themselves, and walk trees.
. "$(dirname "$0")/lib.sh"
need busybox
same "echo" busybox echo hello
same "pipeline" busybox sh -c 'busybox seq 1 1000 | busybox sort -rn | busybox head -n 3'
same "find and wc" busybox sh -c 'busybox find /etc/apt -type f | busybox sort | busybox wc -l'
same "tar" busybox sh -c 'mkdir -p /tmp/bb.$$/a && echo x >/tmp/bb.$$/a/f && busybox tar -C /tmp/bb.$$ -cf - a | busybox tar -tf -; rm -r /tmp/bb.$$'
same "md5sum" busybox md5sum /bin/busybox
same "awk" busybox awk 'BEGIN { for (i = 0; i < 10; i++) s += i * i; print s }'
same "status of a missing applet" busybox no-such-applet
