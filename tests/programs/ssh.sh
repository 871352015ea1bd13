#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSH: server and client in one enclave, with keys: a command and its status, a terminal, a file copied by sftp.
. "$(dirname "$0")/lib.sh"
need ssh ssh-keygen sftp
[ -x /usr/sbin/sshd ] || skip "sshd is not installed"
port=$(free_port)
out=$(enclave -u 0 -- bash -c '
port='"$port"'
mkdir -p /tmp/s /run/sshd
cd /tmp/s
ssh-keygen -q -t ed25519 -N "" -f host
ssh-keygen -q -t ed25519 -N "" -f id
/usr/sbin/sshd -f /dev/null -D -e -h /tmp/s/host -p $port -o ListenAddress=127.0.0.1 -o UsePAM=no -o StrictModes=no \
	-o AuthorizedKeysFile=/tmp/s/id.pub -o Subsystem="sftp internal-sftp" -o PidFile=none >log 2>&1 &
server=$!
for i in $(seq 500); do grep -q listening log && break; sleep 0.02; done
options="-F /dev/null -i /tmp/s/id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
ssh $options -p $port 127.0.0.1 "echo hello; exit 7"
echo "status $?"
ssh $options -tt -p $port 127.0.0.1 tty </dev/null | tr -d "\r"
head -c 3000000 /dev/urandom >big
echo "put big copy" | sftp $options -P $port -b - 127.0.0.1:/tmp/s >/dev/null && cmp big copy && echo same
kill $server
wait $server' 2>&1)
expect "ssh" "hello
status 7
/dev/pts/0
same" "$out"
